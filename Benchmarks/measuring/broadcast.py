"""The command `broadcast`: one message to many, by a topic and by a loop, with and without readers that have stopped."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from measuring.machine import BUILD, HERE, Failure, command, machine_facts
from measuring.servers import cores, ending, read_line, serving


def build():
    print("building in release mode ...", file=sys.stderr, flush=True)
    BUILD.mkdir(exist_ok=True)
    command(["cc", "-std=gnu11", "-O3", "-Wall", "-Wextra", "-o", BUILD / "listeners", HERE / "broadcast/listeners.c"])
    line = ["swift", "build", "--package-path", HERE, "-c", "release", "--product", "broadcast"]
    command(line)
    return Path(command([*line, "--show-bin-path"])) / "broadcast"


def figures(process, count, seconds):
    """So many lines of a name and a number."""
    # They come together: what is in the file's buffer already no select would see.
    lines = [read_line(process, seconds), *(process.stdout.readline() for _ in range(count - 1))]
    return {name: float(value) for name, value in map(str.split, lines)}


def listen_when_filled(server, listen, members):
    """Those who read, once those who do not have all that they take."""
    if read_line(server, 60) != "filled":
        raise Failure("the server could not fill those who do not read")
    return listen("--connections", str(members))


def run_one(program, way, members, stalled, options, pinned):
    server_core, load_core = pinned
    line = [str(program), "--by", way, "--stalled", str(stalled), "--members", str(members), "--size", str(options.size),
            "--rate", str(options.rate), "--seconds", str(options.seconds)]  # fmt: skip

    def listen(*more):
        load = ["taskset", "-c", str(load_core), str(BUILD / "listeners"), "--port", str(port), "--size", str(options.size), *more]
        return ending(subprocess.Popen(load, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE))

    with serving(line, [], server_core) as (server, port):
        with listen("--connections", "0", "--stalled", str(stalled)), listen_when_filled(server, listen, members) as listeners:
            read_line(listeners, 60)
            said = figures(server, 4, options.seconds + 60)
            time.sleep(0.5)  # for what is on its way
            listeners.stdin.close()
            heard = figures(listeners, 4, 60)
    return {**said, **heard, "us_each": said["cpu_seconds"] * 1e6 / max(1, said["delivered"])}


def broadcast(options):
    program = build()
    pinned = cores()
    rows = [(way, members, stalled) for members in options.members for stalled in (0, 100) for way in ("topics", "loop")]
    rounds = {row: [] for row in rows}
    for number in range(options.rounds):
        for row in rows[number % 2 :] + rows[: number % 2]:
            rounds[row].append(run_one(program, *row, options, pinned))
    print("| to | stalled besides | by | server's CPU, us a member | arrives after, us: p50 | p99 | longest | dropped |")
    print("|---|---|---|---|---|---|---|---|")
    for (way, members, stalled), results in rounds.items():
        each = {name: statistics.median(result[name] for result in results) for name in results[0]}
        print(f"| {members:,} | {stalled} | {way} | {each['us_each']:.2f} | {each['p50_us']:,.0f} | {each['p99_us']:,.0f} "
              f"| {each['max_us']:,.0f} | {each['dropped']:,.0f} |")  # fmt: skip
    print(f"\nMessages of {options.size} bytes, {options.rate} a second for {options.seconds} s; median of {options.rounds} rounds.\n")
    print(machine_facts(pinned=f"server to core {pinned[0]}, listeners to core {pinned[1]}"))
