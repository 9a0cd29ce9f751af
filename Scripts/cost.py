"""What a message costs an echo server in user space: instructions and allocations, counted by valgrind's callgrind.

The server runs under callgrind; a client of a few lines here sends it messages, so many at a time, and reads what comes
back. The counts are of the messages alone: those of the start, the handshakes and the first messages are put aside.
"""

import argparse
import base64
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import NamedTuple

# What is counted beside the instructions: calls of these.
COUNTED = {
    "allocations": {"malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign"},
    # Dynamic exclusivity checks.
    "accesses": {"swift_beginAccess"},
    "references": {"swift_retain", "swift_release", "swift_retain_n", "swift_release_n"},
}

# How much more than the record is let pass: a part of the instructions; of calls three hundredths, and so many a message.
SLACK, SLACK_OF_CALLS = 0.05, 0.15

HANDLERS = {"async": [], "sync": ["--sync"], "view": ["--view"]}


class Row(NamedTuple):
    """What the client sends in one measurement."""

    name: str
    size: int
    depth: int
    is_text: bool
    rounds: int


ROWS = [
    Row("20 B", 20, 1, False, 300),
    Row("20 B x 16", 20, 16, False, 100),
    Row("20 B text", 20, 1, True, 300),
    Row("1 KiB", 1 << 10, 1, False, 200),
    Row("16 KiB", 16 << 10, 1, False, 60),
    Row("16 KiB text", 16 << 10, 1, True, 60),
    Row("1 MiB", 1 << 20, 1, False, 6),
    Row("1 MiB text", 1 << 20, 1, True, 6),
]
CONNECTIONS = 4


class Failure(Exception):
    """What went wrong, for people."""


class Peer:
    """A WebSocket client that sends the same bytes again and again."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += self.socket.recv(1)
        if not answer.startswith(b"HTTP/1.1 101 "):
            raise Failure(f"the server answered {answer.splitlines()[0]!r}; 101 was expected")
        self.asked = self.expected = b""
        self.unread = bytearray()

    def prepare(self, row):
        self.depth = row.depth
        payload = (b"abcdefghijklmnop" * (row.size // 16 + 1))[: row.size]
        self.asked = frame(payload, row.is_text, mask=b"\x37\xfa\x21\x3d") * row.depth
        self.expected = frame(payload, row.is_text, mask=None) * row.depth

    def round(self):
        """One batch there and back."""
        # What does not fit into the socket's buffers at once must not wait for who reads.
        sender = threading.Thread(target=self.socket.sendall, args=(self.asked,)) if len(self.asked) > 32_768 else None
        sender.start() if sender else self.socket.sendall(self.asked)
        left, got = self.depth, []
        while left:
            head, payload = self.frame()
            if head[0] == 0x89:
                # The server's keepalive.
                self.socket.sendall(b"\x8a" + bytes([0x80 | len(payload)]) + bytes(4) + payload)
            else:
                got += head, payload
                left -= 1
        if sender:
            sender.join()
        if b"".join(got) != self.expected:
            raise Failure("the echo is not what was sent")

    def frame(self):
        """The next frame: its head, and its payload."""
        head = self.exactly(2)
        more = {126: 2, 127: 8}.get(head[1], 0)
        length = self.exactly(more)
        return head + length, self.exactly(int.from_bytes(length, "big") if more else head[1])

    def exactly(self, count):
        while len(self.unread) < count:
            came = self.socket.recv(1 << 20)
            if not came:
                raise Failure("the server closed the connection")
            self.unread += came
        taken = bytes(self.unread[:count])
        del self.unread[:count]
        return taken


def frame(payload, text, mask):
    first, masked = (0x81 if text else 0x82), (0x80 if mask else 0)
    if len(payload) < 126:
        head = struct.pack("!BB", first, masked | len(payload))
    elif len(payload) < 65_536:
        head = struct.pack("!BBH", first, masked | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, masked | 127, len(payload))
    if not mask:
        return head + payload
    keys = (mask * (len(payload) // 4 + 1))[: len(payload)]
    xored = int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")
    return head + mask + xored.to_bytes(len(payload), "big")


class Profile:
    """What one of callgrind's files says: instructions of each function, and how often each was called."""

    def __init__(self, path):
        self.instructions, self.calls, self.callers = Counter(), Counter(), Counter()
        names, function, called, inclusive = {}, None, None, False
        for line in Path(path).read_text(errors="replace").splitlines():
            if line.startswith(("fn=", "cfn=")):
                name = resolve(names, line.split("=", 1)[1])
                if line[0] == "c":
                    called = name
                else:
                    function = name
            elif line.startswith("calls="):
                count, inclusive = int(line[6:].split()[0]), True
                self.calls[called] += count
                self.callers[function, called] += count
            elif line[:1] in tuple("0123456789+-*"):
                if not inclusive:
                    self.instructions[function] += int(line.split()[1])
                inclusive = False

    @property
    def total(self):
        return sum(self.instructions.values())

    def called(self, functions):
        return sum(count for name, count in self.calls.items() if name.split("'")[0] in functions)

    def costs(self, messages):
        """What one of so many messages took."""
        calls = {what: round(self.called(names) / messages, 2) for what, names in COUNTED.items()}
        return {"instructions": round(self.total / messages), **calls}


def resolve(names, text):
    """callgrind writes a name once, with a number, and the number from then on."""
    number, _, name = text.partition(" ")
    if name:
        names[number] = name
    return names.get(number, text)


class Server:
    """`hansom serve echo` under callgrind."""

    # More for valgrind, and how its files are read.
    VALGRIND = []
    PROFILE = Profile

    def __init__(self, program, arguments, folder):
        self.file = folder / "callgrind.out"
        self.process = subprocess.Popen(
            ["valgrind", "--tool=callgrind", "--separate-threads=yes", *self.VALGRIND, f"--callgrind-out-file={self.file}", program, "serve", "echo",
             "--port", "0", "--schedulers", "1", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        said = []
        for line in self.process.stdout:
            said.append(line)
            if found := re.search(r"listening on wss?://127\.0\.0\.1:(\d+)", line):
                self.port, self.dumps = int(found[1]), 0
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return
        raise Failure("".join(said))

    def dump(self):
        """What the busiest thread, the scheduler's, has done since the last time: what others do, they do by the clock."""
        self.dumps += 1
        subprocess.run(
            ["callgrind_control", "--dump=messages", str(self.process.pid)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        threads = self.file.parent.glob(f"{self.file.name}.{self.dumps}-*")
        return max((self.PROFILE(path) for path in threads), key=lambda profile: profile.total)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def measure(server, peers, row):
    """A profile of the row's messages, and how many they were."""
    for peer in peers:
        peer.prepare(row)
    for _ in range(max(3, row.rounds // 4)):
        for peer in peers:
            peer.round()
    server.dump()
    for _ in range(row.rounds):
        for peer in peers:
            peer.round()
    return server.dump(), row.rounds * len(peers) * row.depth


def excess(costs, recorded):
    """What of the costs is more than was recorded."""
    for what, count in costs.items():
        slack = recorded[what] * SLACK if what == "instructions" else 0.03 * recorded[what] + SLACK_OF_CALLS
        bound = recorded[what] + slack
        if count > bound:
            yield f"{count} {what}, {recorded[what]} recorded"


def explain(profile, messages, options):
    """Where it goes, function by function."""
    for name, count in profile.instructions.most_common(options.top):
        print(f"{count / messages:10.1f} {profile.calls[name] / messages:6.2f} {name}")
    for (caller, called), count in profile.callers.most_common():
        if options.callers and called.split("'")[0] == options.callers:
            print(f"{count / messages:10.2f} {caller}")


def main():
    parser = argparse.ArgumentParser(description="Count what a message costs an echo server.")
    parser.add_argument("program", help="hansom, stripped of its debug information, which valgrind may stumble over")
    parser.add_argument("--record", type=Path, required=True, help="the file of the costs that are known")
    parser.add_argument("--accept", action="store_true", help="write what is counted into it")
    parser.add_argument("--only", help="the rows whose name holds this: 'sync 16 KiB'", default="")
    parser.add_argument("--top", type=int, default=0, help="say in which functions it goes")
    parser.add_argument("--callers", metavar="FUNCTION", help="say who calls it")
    options = parser.parse_args()
    record = json.loads(options.record.read_text()) if options.record.exists() else {}
    failures = []
    print(f"{'a message':20}{'instructions':>14}" + "".join(f"{what:>14}" for what in COUNTED))
    for handler, arguments in HANDLERS.items():
        rows = [(f"{handler} {row.name}", row) for row in ROWS if options.only in f"{handler} {row.name}"]
        if not rows:
            continue
        with tempfile.TemporaryDirectory() as folder:
            server = Server(options.program, arguments, Path(folder))
            try:
                peers = [Peer(server.port) for _ in range(CONNECTIONS)]
                for name, row in rows:
                    profile, messages = measure(server, peers, row)
                    costs = profile.costs(messages)
                    print(f"{name:20}" + "".join(f"{count:14}" for count in costs.values()), flush=True)
                    explain(profile, messages, options)
                    if options.accept:
                        record[name] = costs
                    elif name in record:
                        failures += [f"{name}: {text}" for text in excess(costs, record[name])]
                    else:
                        failures.append(f"{name}: not recorded")
            finally:
                server.end()
    if options.accept:
        options.record.write_text(json.dumps(record, indent=4) + "\n")
    if failures:
        sys.exit("costs more than it did:\n" + "\n".join(failures))


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(str(failure))
