"""Connections that come and go as fast as the machine gives, some in the middle of the handshake."""

import multiprocessing
import socket
import struct
import time

from common import descriptors, expect, inspecting, memory, serving, until
from limit import connections

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
# What is sent before the connection is dropped: nothing, half a request, a whole one, one with the start of a frame.
OPENINGS = [b"", REQUEST[:60], REQUEST, REQUEST + b"\x82\xfe\x10"]
# Closed with a reset, so that no port of ours has to rest.
RESET = struct.pack("ii", 1, 0)
PROCESSES = 2
# An allocator finds its size over some hundred thousand connections; from then on it may grow by no more than that.
SLACK = 1 << 20


def come_and_go(port, count, seed):
    address = ("127.0.0.1", port)
    for number in range(seed, seed + count):
        with socket.socket() as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            peer.connect(address)
            opening = OPENINGS[number % len(OPENINGS)]
            if opening:
                peer.send(opening)


def churn(port, count):
    """Connections a second."""
    start = time.monotonic()
    share = count // PROCESSES
    processes = [multiprocessing.Process(target=come_and_go, args=(port, share, index), daemon=True) for index in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)
        expect(process.exitcode == 0, "a client that comes and goes failed")
    return round(share * PROCESSES / (time.monotonic() - start))


def run(hansom, scale):
    total = 600_000 // scale
    with inspecting(hansom) as (path, snapshot):
        with serving(hansom, "echo", "--port", "0", "--inspect", path) as (server, url):
            port = int(url.rsplit(":", 1)[-1])

            def settled():
                return descriptors(server.pid) <= rest and connections(snapshot()) == 0

            def unsettled():
                return (
                    f"descriptors and processes are as before: {descriptors(server.pid)} descriptors, {rest} before, and "
                    f"{connections(snapshot())} connections"
                )

            rest = descriptors(server.pid)
            # The first half brings the server to the size that such a load needs.
            churn(port, total // 2)
            until(settled, unsettled)
            before = memory(server.pid)
            rate = churn(port, total // 2)
            until(settled, unsettled)
            grown = memory(server.pid) - before
            print(f"churn: {total} connections, {rate} a second; memory grew by {grown} bytes in the second half")
            expect(grown < SLACK, f"memory grew by {grown} bytes; less than {SLACK} is allowed")
