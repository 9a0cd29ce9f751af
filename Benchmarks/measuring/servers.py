"""What the benchmarks over sockets share: the C programs, cores, a certificate, and servers that are ended again."""

import contextlib
import os
import re
import select
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from measuring.machine import BUILD, HERE, Failure, command, usable_cores


def build_c():
    BUILD.mkdir(exist_ok=True)
    compiler = os.environ.get("CC", "cc")
    try:
        libraries = shlex.split(command(["pkg-config", "--cflags", "--libs", "libssl", "libcrypto"]))
    except (Failure, FileNotFoundError):
        libraries = ["-lssl", "-lcrypto"]
    for source in ("floor/echo_floor.c", "load/load.c"):
        program = BUILD / Path(source).stem
        command([compiler, "-std=gnu11", "-O3", "-Wall", "-Wextra", "-pthread", "-o", program, HERE / source, *libraries])


def cores():
    """The server's core and the load's."""
    usable = usable_cores()
    if len(usable) == 1:
        print("warning: one core only: server and load share it, the figures mean little", file=sys.stderr)
    return usable[0], usable[-1]


def make_certificate(folder):
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", key, "-out", certificate],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return ["--tls-cert", str(certificate), "--tls-key", str(key)]


def read_line(process, seconds):
    """The next line of the process's standard output, or a failure after so many seconds."""
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    line = process.stdout.readline() if ready else ""
    if not line:
        problem = "ended before it was ready" if ready else f"said nothing within {seconds} s"
        raise Failure(f"{shlex.join(process.args)}: {problem}")
    return line.strip()


@contextlib.contextmanager
def ending(process):
    """Ends the process on the way out: politely, then by force."""
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def serving(arguments, tls_options, core):
    """A running server: its process and its port."""
    line = [*arguments, "--port", "0", *tls_options]
    process = subprocess.Popen(["taskset", "-c", str(core), *line], text=True, stdout=subprocess.PIPE)
    with ending(process):
        said = read_line(process, 20)
        found = re.search(r"listening on wss?://127\.0\.0\.1:(\d+)", said)
        if not found:
            raise Failure(f"{shlex.join(line)}: {said}")
        yield process, int(found.group(1))
