"""`processes` and `spawned`: what Hansom's processes cost beside those of the BEAM, and that they leave nothing behind."""

import json
import os
import re
import statistics
import sys
from pathlib import Path
from typing import NamedTuple

from measuring.machine import BUILD, HERE, Failure, command, first_line, machine_facts, swift_version, usable_cores


class Measure(NamedTuple):
    """One thing that both programs can measure; a run of it may give several figures."""

    name: str
    needs: range  # of schedulers


ANY = range(1, 1 << 16)
MEASURES = [
    Measure("ring", ANY),
    Measure("pingpong", ANY),
    Measure("spawn", ANY),
    Measure("fanin", ANY),
    Measure("call", ANY),
    Measure("timers", ANY),
    Measure("cross", range(2, 1 << 16)),
    Measure("backlog", range(1, 2)),
    Measure("ticker", range(1, 2)),
    Measure("neighbour", range(1, 2)),
    Measure("busycall", ANY),
    Measure("downs", ANY),
    Measure("idle", range(1, 2)),
]
BEAM, HANSOM = "BEAM", "Hansom"


def build_swift():
    print("building the Swift program in release mode ...", file=sys.stderr, flush=True)
    build = ["swift", "build", "--package-path", HERE, "-c", "release", "--product", "processes"]
    command(build)
    return Path(command([*build, "--show-bin-path"])) / "processes"


def build_erlang():
    folder = BUILD / "erlang"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        command(["erlc", "-o", folder, HERE / "processes/erlang/measures.erl"])
    except FileNotFoundError:
        raise Failure("erlc is missing: install erlang-base") from None
    return folder


def on_cores(schedulers):
    """What pins the program: with one scheduler to one core; several go where the kernel puts them."""
    return ["taskset", "-c", str(usable_cores()[-1])] if schedulers == 1 else []


def command_lines(runtimes, swift, erlang):
    """For each runtime, what makes a command line of a measure, a number of schedulers and a time."""
    lines = {
        BEAM: lambda measure, schedulers, seconds: [
            "erl", "+S", f"{schedulers}:{schedulers}", "-noshell", "-pa", erlang,
            "-run", "measures", "main", measure, f"{seconds:.3f}",
        ],
        HANSOM: lambda measure, schedulers, seconds: [swift, measure, "--schedulers", schedulers, "--seconds", seconds],
    }  # fmt: skip
    return {name: lines[name] for name in runtimes}


def figures_of(output):
    """Name and value of each line."""
    return {name: float(value) for name, value in re.findall(r"^(.+) (-?[\d.]+(?:e[-+]?\d+)?)$", output, re.MULTILINE)}


def run_one(line, measure, schedulers, seconds):
    environment = {**os.environ, "ERL_CRASH_DUMP_BYTES": "0"}
    return figures_of(command([*on_cores(schedulers), *line(measure.name, schedulers, seconds)], env=environment, timeout=120))


def chosen(names):
    known = {measure.name: measure for measure in MEASURES}
    wanted = names.split(",") if names else list(known)
    for name in wanted:
        if name not in known:
            raise Failure(f"--only: {name} is none of {','.join(known)}")
    return [known[name] for name in wanted]


def processes(options):
    measures = chosen(options.only)
    lines = command_lines([BEAM, HANSOM], build_swift(), build_erlang())
    every = len(usable_cores())
    cells = [(measure, count) for count in sorted({1, every}) for measure in measures if count in measure.needs]
    rounds = {}  # (figure, schedulers, runtime): a value for each round
    for turn in range(options.rounds):
        for done, (measure, count) in enumerate(cells):
            # The runtimes take turns, and each round begins with the other, so that slow minutes hurt both alike.
            for runtime in list(lines) if turn % 2 == 0 else reversed(list(lines)):
                got = run_one(lines[runtime], measure, count, options.seconds)
                for name, value in got.items():
                    rounds.setdefault((name, count), {}).setdefault(runtime, []).append(value)
                said = ", ".join(f"{name} {value:,.0f}" for name, value in got.items())
                print(f"[round {turn + 1}/{options.rounds}, {done + 1}/{len(cells)}] {count} schedulers, {runtime}: {said}",
                      file=sys.stderr, flush=True)  # fmt: skip
    print(table(rounds, sorted({1, every})))
    print(f"\nNanoseconds for an operation, a delay or a wait, bytes for an idle process: the median of {options.rounds} rounds; the ratio is Hansom to "
          "BEAM\nwithin a round, median (lowest..highest): below 1 Hansom is the faster or smaller.\n")  # fmt: skip
    print(machine_facts(pinned="one scheduler: one core; several: not", runtimes=f"{swift_version()}; {otp_version()}"))
    if options.json:
        rows = [{"figure": name, "schedulers": count, **values} for (name, count), values in rounds.items()]
        Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")


def otp_version():
    release = first_line(["erl", "-noshell", "-eval", 'io:format("~s, ~s", [erlang:system_info(otp_release), erlang:system_info(emu_flavor)]), halt().'])
    return f"Erlang/OTP {release}"


def table(rounds, counts):
    heads = [f"{count} scheduler{'s' if count > 1 else ''}: BEAM | Hansom | ratio" for count in counts]
    lines = ["| | " + " | ".join(heads) + " |", "|---" * (3 * len(counts) + 1) + "|"]
    for name in dict.fromkeys(name for name, _ in rounds):
        columns = [cell(rounds.get((name, count))) for count in counts]
        lines.append(f"| {name} | " + " | ".join(columns) + " |")
    return "\n".join(lines)


def cell(values):
    if not values:
        return " | | "
    ratios = [ours / theirs for ours, theirs in zip(values[HANSOM], values[BEAM])]
    medians = [f"{statistics.median(values[runtime]):,.0f}" for runtime in (BEAM, HANSOM)]
    return " | ".join([*medians, f"{statistics.median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})"])


# What a million processes leave behind


def spawned(options):
    """Shows the memory after each hundred thousand processes, and fails when the heap grew by more than the bound for each."""
    output = command([build_swift(), "spawned"], timeout=600)
    print("| processes started and ended | resident | heap in use |\n|---|---|---|")
    for count, resident, heap in re.findall(r"^(\d+) resident (\d+) heap (\d+)$", output, re.MULTILINE):
        print(f"| {int(count):,} | {int(resident):,} | {int(heap):,} |")
    growth = figures_of(output)["growth a process, heap"]
    print(f"\nBytes of the whole program. The heap grew by {growth:.3f} bytes for each process after the first hundred thousand.")
    if growth > options.bound:
        raise Failure(f"that is more than {options.bound:g}: something stays behind")
