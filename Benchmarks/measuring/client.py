"""`client`: one message there, its echo back, and again: Hansom's client beside a bare C client and Python's."""

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from measuring.machine import BUILD, HERE, Failure, command, first_line, machine_facts, swift_version
from measuring.servers import build_c, cores, make_certificate, serving

SIZES = [256, 8192, 100_000]
BARE = "c"


class Client(NamedTuple):
    """A row of the tables; `line` makes its command line."""

    title: str
    line: callable


class Target(NamedTuple):
    """Where a client connects, and for how long."""

    port: int
    size: int
    trust: list
    times: list

    @property
    def url(self):
        return f"{'wss' if self.trust else 'ws'}://127.0.0.1:{self.port}/"

    @property
    def options(self):
        return ["--size", self.size, *self.trust, *self.times]


def build_swift():
    print("building the Swift client in release mode ...", file=sys.stderr, flush=True)
    build = ["swift", "build", "--package-path", HERE, "-c", "release", "--product", "client"]
    command(build)
    return Path(command([*build, "--show-bin-path"])) / "client"


def build_python():
    """A virtual environment with what `requirements.txt` says."""
    folder, wanted = BUILD / "client-python", HERE / "client/python/requirements.txt"
    python, installed = folder / "bin/python", folder / "installed.txt"
    if not installed.exists() or installed.read_text() != wanted.read_text():
        command([sys.executable, "-m", "venv", folder])
        command([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", wanted])
        installed.write_text(wanted.read_text())
    return python


def clients(names):
    """The clients by name; the bare one, which the others are divided by, comes first and always."""
    wanted = [name for name in names.split(",") if name != BARE] if names else ["task", "connection", "process", "picows", "websockets"]
    found = {BARE: Client("C, epoll", c_line)}
    swift = python = None
    for name in wanted:
        if name in ("task", "connection", "process"):
            swift = swift or build_swift()
            found[name] = Client(f"hansom, in a {name}", swift_line(swift, name))
        elif name in ("picows", "websockets"):
            python = python or build_python()
            found[name] = Client(f"Python {name}", python_line(python, name))
        else:
            raise Failure(f"--clients: there is no {name}")
    return found


def c_line(target):
    tls = ["--tls"] if target.trust else []
    return [BUILD / "load", "--port", target.port, "--connections", 1, "--depth", 1, "--size", target.size, *tls, *target.times]


def swift_line(program, place):
    return lambda target: [program, target.url, "--in", place, *target.options]


def python_line(python, library):
    return lambda target: [python, HERE / "client/python/client.py", library, target.url, *target.options]


def run_one(line, core):
    """Microseconds for a round trip, and of CPU time for one."""
    said = dict(text.split() for text in command(["taskset", "-c", core, *line], timeout=120).splitlines())
    trips = float(said.get("round_trips") or said["msgs"])
    return [float(said[kind]) / trips * 1e6 for kind in ("seconds", "cpu_seconds")]


def columns(options):
    try:
        sizes = [int(size) for size in options.sizes.split(",")]
    except ValueError:
        raise Failure(f"--sizes: {options.sizes} are no numbers") from None
    return [(size, transport == "TLS") for transport in options.transports.split(",") for size in sizes]


def client(options):
    build_c()
    rows, cells, figures = clients(options.clients), columns(options), {}
    times = ["--seconds", options.seconds, "--warmup", options.warmup]
    server_core, client_core = cores()
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder))
        for turn in range(options.rounds):
            for done, (size, tls) in enumerate(cells):
                names = list(rows)
                with serving([str(BUILD / "echo_floor")], certificate if tls else [], server_core) as (_, port):
                    target = Target(port, size, ["--trust", certificate[1]] if tls else [], times)
                    # Each round begins with another client, so that slow minutes hurt all alike.
                    for name in names[turn % len(names) :] + names[: turn % len(names)]:
                        figures.setdefault((name, size, tls), []).append(run_one(rows[name].line(target), client_core))
                said = ", ".join(f"{name} {figures[name, size, tls][-1][0]:.1f}" for name in rows)
                print(f"[round {turn + 1}/{options.rounds}, {done + 1}/{len(cells)}] {title(size, tls)}: {said}", file=sys.stderr, flush=True)
    show(options, rows, cells, figures, (server_core, client_core))


def show(options, rows, cells, figures, pinned):
    for kind, name in enumerate(("Time", "CPU time of the client")):
        print(f"{name} for a round trip, us:\n\n{table(rows, cells, figures, kind)}\n")
    print(f"Medians of {options.rounds} rounds of {options.seconds:g} s after warm-up; in brackets how often as fast as the C client in the\n"
          "same round (1: the same, above: faster): median (lowest..highest).\n")  # fmt: skip
    print(machine_facts(pinned=f"server to core {pinned[0]}, client to core {pinned[1]}", compilers=f"{first_line(['cc', '--version'])}; {swift_version()}",
                        TLS=first_line(["openssl", "version"]), python=sys.version.split()[0]))  # fmt: skip
    if options.json:
        lines = [{"client": name, "size": size, "tls": tls, "us and CPU us": values} for (name, size, tls), values in figures.items()]
        Path(options.json).write_text(json.dumps(lines, indent=1) + "\n")


def title(size, tls):
    return f"{'TLS, ' if tls else ''}{size:,} B"


def table(rows, cells, figures, kind):
    lines = ["| client | " + " | ".join(title(*cell) for cell in cells) + " |", "|---" * (len(cells) + 1) + "|"]
    for name, row in rows.items():
        columns = []
        for cell in cells:
            own, bare = ([values[kind] for values in figures[who, *cell]] for who in (name, BARE))
            text = f"{statistics.median(own):.1f}"
            if name != BARE:
                ratios = [other / one for one, other in zip(own, bare)]
                text += f" ({statistics.median(ratios):.2f}; {min(ratios):.2f}..{max(ratios):.2f})"
            columns.append(text)
        lines.append(f"| {row.title} | " + " | ".join(columns) + " |")
    return "\n".join(lines)
