"""Peers and workers that are killed under load: who is left must not notice, and what is gone must leave nothing."""

import os
import re
import signal

from common import Program, children, descriptors, expect, inspecting, memory, serving, until
from limit import connections

SECONDS = 6
CLIENTS = 4


def run(hansom, scale):
    peers(hansom)
    worker(hansom, 1200 // (2 if scale > 1 else 1))


def load(hansom, url):
    return Program(hansom, "bench", "echo", url, "--connections", 64, "--depth", 8, "--seconds", SECONDS)


def answered(client):
    """How many messages came back, of a client that has ended well: it compares each with what it sent."""
    code = client.process.wait(SECONDS * 10)
    expect(code == 0, f"a client that nobody killed failed: {client.complaint()}")
    return int(re.search(r": (\d+) in ", client.process.stdout.read()).group(1))


def peers(hansom):
    """Half the peers are killed while messages fly (T37)."""
    with inspecting(hansom) as (path, snapshot):
        with serving(hansom, "echo", "--port", "0", "--inspect", path) as (server, url):
            rest = descriptors(server.pid)
            before = memory(server.pid)
            clients = [load(hansom, url) for _ in range(CLIENTS)]
            until(lambda: connections(snapshot()) == CLIENTS * 64, "all clients are connected")
            for client in clients[: CLIENTS // 2]:
                os.kill(client.pid, signal.SIGKILL)
            echoed = sum(answered(client) for client in clients[CLIENTS // 2 :])
            expect(echoed > 0, "nothing came back after peers were killed")
            until(lambda: descriptors(server.pid) <= rest, "the descriptors of the dead come back")
            until(lambda: connections(snapshot()) == 0, "the processes of the dead are gone")
            for client in clients:
                client.__exit__()
            grown = memory(server.pid) - before
            print(f"faults: half of {CLIENTS * 64} peers killed, {echoed} echoes to the others, memory + {grown} bytes")


def worker(hansom, count):
    """A worker is killed: its connections are lost, no other, and another takes its place."""
    with serving(hansom, "echo", "--port", "0", "--workers", "3") as (server, url):
        before = children(server.pid)
        with Program(hansom, "bench", "idle", url, "--connections", count) as idle:
            idle.line(60)
            held = {pid: descriptors(pid) for pid in before}
            victim = before[0]
            others = [pid for pid in before if pid != victim]
            os.kill(victim, signal.SIGKILL)
            until(lambda: len(set(children(server.pid)) - {victim}) == 3, "another worker takes the killed one's place")
            expect({pid: descriptors(pid) for pid in others} == {pid: held[pid] for pid in others}, "others lost something")
            expect(idle.end() == 1, "nobody noticed that a worker was killed")
            lost = int(re.search(r"(\d+) of \d+ connections were lost", idle.complaint()).group(1))
        with Program(hansom, "bench", "echo", url, "--connections", 64, "--seconds", 1) as again:
            expect(answered(again) > 0, "it does not serve again")
        print(f"faults: a worker of 3 killed, {lost} of {count} connections lost, served on by its successor")
