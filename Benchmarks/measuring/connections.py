"""The command `connections`: connections that are opened, used once and closed, again and again."""

import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from measuring.machine import BUILD, Failure, command
from measuring.servers import make_certificate, serving


class Kind(NamedTuple):
    """One column of the table."""

    name: str
    title: str
    load: list


KINDS = [
    Kind("plain", "plain", []),
    Kind("tls", "TLS, a new session each", ["--tls"]),
    Kind("resumed", "TLS, resumed", ["--tls", "--resume"]),
]


def measure(arguments, kind, tls_options, options, pinned):
    """Connections per CPU second of the server."""
    server_core, load_core = pinned
    with serving(arguments, tls_options if kind.load else [], server_core) as (server, port):
        load = ["taskset", "-c", load_core, BUILD / "load", "--again", "--port", port, "--pid", server.pid,
                "--connections", options.connections, "--seconds", options.seconds, "--warmup", options.warmup, *kind.load]  # fmt: skip
        output = command(load, timeout=options.seconds + options.warmup + 60)
    results = {name: float(value) for name, value in map(str.split, output.splitlines())}
    # The first connection of each thread had nothing to resume.
    if "--resume" in kind.load and results["resumed"] < 0.9 * results["connections"]:
        raise Failure(f"of {results['connections']:.0f} TLS sessions only {results['resumed']:.0f} were resumed")
    return results["connections_per_cpu_second"]


def connections(options, servers, floor, pinned):
    """Servers by name, the floor among them: what they do, and the ratios to the floor."""
    kinds = [kind for kind in KINDS if not options.kinds or kind.name in options.kinds.split(",")]
    if not kinds:
        raise Failure(f"--kinds: known are {', '.join(kind.name for kind in KINDS)}")
    figures = {(name, kind.name): [] for name in servers for kind in kinds}
    total, done = options.rounds * len(figures), 0
    with tempfile.TemporaryDirectory() as folder:
        tls_options = make_certificate(Path(folder))
        for turn in range(options.rounds):
            for kind in kinds:
                names = list(servers)
                for name in names[turn % len(names):] + names[:turn % len(names)]:
                    figure = measure(servers[name], kind, tls_options, options, pinned)
                    figures[name, kind.name].append(figure)
                    done += 1
                    print(f"[{done}/{total}] round {turn + 1}, {kind.title}: {name} {figure:,.0f}", file=sys.stderr, flush=True)
    print("| server | " + " | ".join(kind.title for kind in kinds) + " |\n" + "|---" * (len(kinds) + 1) + "|")
    for name in servers:
        columns = []
        for kind in kinds:
            own, other = figures[name, kind.name], figures[floor, kind.name]
            text = f"{statistics.median(own):,.0f}"
            if name != floor:
                ratios = [one / another for one, another in zip(own, other)]
                text += f" ({statistics.median(ratios):.2f}; {min(ratios):.2f}..{max(ratios):.2f})"
            columns.append(text)
        print(f"| {name} | " + " | ".join(columns) + " |")
    print(f"\nConnections per CPU second of the server, {options.connections} at a time: opened, one message of 20 B and its echo, "
          f"closed by the\nclosing handshake, the server's end awaited. Median of {options.rounds} rounds of {options.seconds} s after "
          "warm-up; in brackets the ratio to the\nC floor of the same round: median (lowest..highest).\n")  # fmt: skip
