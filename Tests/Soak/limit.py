"""As many idle connections as the descriptor limit allows in one process, and what happens beyond."""

import os
import resource

from common import Fault, Program, descriptors, expect, inspecting, memory, serving, until

# Descriptors of a server that are no connections: what it keeps back, and two for each scheduler.
SPARE = 100 + 2 * os.cpu_count()
# For more there are no ports from the addresses used here.
MOST = 20_000


def run(hansom, scale):
    limit = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], MOST) // scale
    expect(limit >= 2 * SPARE + 200, f"a limit of {limit} descriptors is too low for this part; raise it (ulimit -n)")
    own = dict(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    with inspecting(hansom) as (path, snapshot):
        with serving(hansom, "echo", "--port", "0", "--inspect", path, **own) as (server, url):
            count = limit - SPARE
            per_connection = hold(hansom, url, server, count)
            print(f"limit: {count} connections in one process, {per_connection} bytes each")
            beyond(hansom, url, server, limit)
            client_limit(hansom, url, limit, own)
            until(lambda: descriptors(server.pid) < SPARE, "the descriptors come back")
            until(lambda: not connections(snapshot()), "the processes are gone")


def connections(snapshot):
    """Processes that are connections. The one that the snapshot came by lives apart, and is not among them."""
    return sum(process["kind"] == "WebSocket" for process in snapshot["processes"])


def hold(hansom, url, server, count):
    """Opens so many; returns the bytes that each takes in the server."""
    half = count // 2
    # What the first connections bring along is there before it is measured.
    with Program(hansom, "bench", "idle", url, "--connections", 100) as first:
        first.line(60)
        before = memory(server.pid)
        arguments = ("bench", "idle", url, "--source", "127.0.0.2", "--connections")
        with Program(hansom, *arguments, half) as one, Program(hansom, *arguments, count - half - 100) as two:
            for client in (one, two):
                client.line(120)
            each = (memory(server.pid) - before) // (count - 100)
            for client in (one, two):
                expect(client.end() == 0, f"a client lost connections: {client.complaint()}")
        expect(first.end() == 0, "the first connections were lost")
    return each


def beyond(hansom, url, server, limit):
    """More than the server can hold: it must go on serving those it has, and take others when some have gone."""
    with Program(hansom, "bench", "idle", url, "--connections", limit // 2) as half:
        half.line(120)
        with Program(hansom, "bench", "idle", url, "--connections", limit // 2 + SPARE) as rest:
            code = rest.process.wait(120)
            expect(code == 1, f"more than {limit} connections with {limit} descriptors: exit code {code}")
            print(f"limit: a client beyond it was told: {rest.complaint()}")
        expect(half.end() == 0, "who was there before lost connections")
    with Program(hansom, "bench", "idle", url, "--connections", 100) as again:
        again.line(60)
        expect(again.end() == 0, "it does not serve again")


def client_limit(hansom, url, limit, own):
    with Program(hansom, "bench", "idle", url, "--connections", limit + 1, **own) as client:
        expect(client.process.wait(120) == 1, "a client held more connections than it has descriptors")
        complaint = client.complaint()
        if "descriptor" not in complaint and "open files" not in complaint:
            raise Fault(f"a client without descriptors does not say so: {complaint}")
        print(f"limit: a client without descriptors says: {complaint}")
