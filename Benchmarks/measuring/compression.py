"""The command `compression`: what `permessage-deflate` saves and costs, by window, memory level and context takeover."""

import sys
from pathlib import Path

from measuring.machine import HERE, command, machine_facts, usable_cores


def compression(_):
    print("building in release mode ...", file=sys.stderr, flush=True)
    line = ["swift", "build", "--package-path", HERE, "-c", "release", "--product", "compression"]
    command(line)
    program = Path(command([*line, "--show-bin-path"])) / "compression"
    print(command(["taskset", "-c", str(usable_cores()[0]), program]))
    print("\nSize: of the messages as sent, of what they were. MB/s: of what is compressed, a CPU second. Held: bytes of heap that a"
          "\nconnection keeps after its first message, to compress and to inflate.\n")  # fmt: skip
    print(machine_facts())
