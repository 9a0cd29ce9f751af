"""What the parts of the soak share: programs that are ended again, and what they hold."""

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from pathlib import Path


class Fault(Exception):
    """Something is not as it must be."""


class Program:
    """A run of `hansom`, ended by its id when the block is left."""

    def __init__(self, *arguments, **options):
        self.arguments = [str(argument) for argument in arguments]
        self.process = subprocess.Popen(
            self.arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1, **options
        )
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def line(self, seconds):
        """The next line of its output."""
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            problem = f"said nothing within {seconds} s" if self.process.poll() is None else self.complaint()
            raise Fault(f"{' '.join(self.arguments)}: {problem}")
        return line.strip()

    def complaint(self):
        """What it said on standard error, once it has ended."""
        said = [line for line in self.process.stderr.read().splitlines() if line.startswith("hansom: ")]
        return " ".join(said) or f"ended with {self.process.returncode}"

    def end(self, seconds=60):
        """Asks it to end, and returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


@contextlib.contextmanager
def serving(hansom, *arguments, **options):
    """A server; gives the program and the URL that it prints."""
    with Program(hansom, "serve", *arguments, **options) as server:
        yield server, server.line(60).rsplit(" ", 1)[-1]


@contextlib.contextmanager
def inspecting(hansom):
    """A path for `--inspect`, and a function that gives the snapshot seen there."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inspect"

        def snapshot():
            seen = subprocess.run(
                [hansom, "top", path, "--once", "--json"], capture_output=True, text=True, timeout=60, check=True
            )
            return json.loads(seen.stdout.splitlines()[-1])

        yield path, snapshot


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def memory(pid):
    """Bytes of memory that are the process's own."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise Fault(f"no memory figures of process {pid}")


def children(pid):
    """The processes that any of its threads has started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return sorted(int(child) for children in lists for child in children.read_text().split())


def until(condition, what, seconds=30):
    """Waits until the condition holds; a fault if it does not in time. `what` may be made when it is wanted."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Fault(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.05)


def expect(condition, what):
    if not condition:
        raise Fault(what)
