"""More connections than one process can hold, over worker processes."""

from contextlib import ExitStack

from common import Program, children, expect, memory, serving

WORKERS = 6
CLIENTS = 6
SOURCES = [f"127.0.0.{number}" for number in range(2, 6)]


def run(hansom, scale):
    total = 100_000 // scale
    with serving(hansom, "echo", "--port", "0", "--workers", str(WORKERS)) as (server, url):
        workers = children(server.pid)
        expect(len(workers) == WORKERS, f"{len(workers)} workers; {WORKERS} were asked for")
        before = sum(memory(worker) for worker in workers)
        share = total // CLIENTS
        counts = [share] * (CLIENTS - 1) + [total - share * (CLIENTS - 1)]
        # Twelve processes share the cores while they connect.
        options = ["--connect-timeout", "120"] + [argument for source in SOURCES for argument in ("--source", source)]
        with ExitStack() as stack:
            clients = [
                stack.enter_context(Program(hansom, "bench", "idle", url, *options, "--connections", count))
                for count in counts
            ]
            for client in clients:
                client.line(400)
            each = (sum(memory(worker) for worker in workers) - before) // total
            theirs = sum(memory(client.pid) for client in clients) // total
            print(f"workers: {total} connections over {WORKERS}, {each} bytes each (a client's: {theirs})")
            for client in clients:
                expect(client.end(120) == 0, f"a client lost connections: {client.complaint()}")
        expect(server.end() == 0, "the server did not end in order")
