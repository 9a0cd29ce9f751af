"""What every benchmark needs: running commands, failing with one line, and saying what machine this is."""

import os
import platform
import re
import shlex
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent
BUILD = HERE / ".build"


class Failure(Exception):
    """Something that ends the run with one line on standard error."""


def command(arguments, **options):
    """Runs a command to its end and returns what it printed."""
    arguments = [str(word) for word in arguments]
    finished = subprocess.run(arguments, text=True, stdout=subprocess.PIPE, **options)
    if finished.returncode:
        sys.stderr.write(finished.stdout)
        raise Failure(f"{shlex.join(arguments)}: exit code {finished.returncode}")
    return finished.stdout.strip()


def first_line(arguments):
    try:
        finished = subprocess.run(arguments, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
        return next((line.strip() for line in finished.stdout.splitlines() if line.strip()), "unknown")
    except (OSError, subprocess.TimeoutExpired):
        return "not found"


def swift_version():
    found = re.search(r"Swift version \S+", first_line(["swift", "--version"]))
    return found.group() if found else "Swift not found"


def usable_cores():
    return sorted(os.sched_getaffinity(0))


def machine_facts(**more):
    """A Markdown list of what the machine is, and of `more`."""
    processor = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    siblings = Path("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list")
    facts = {"processor": f"{processor.group(1) if processor else platform.machine()}, {os.cpu_count()} cores"}
    if siblings.exists():
        facts["hardware threads of core 0"] = siblings.read_text().strip()
    facts |= more
    facts["kernel"] = platform.release()
    facts["revision"] = first_line(["git", "-C", str(ROOT), "describe", "--always", "--dirty"])
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())
