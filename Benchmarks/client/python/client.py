"""Python's clients in a strict request-response: `client.py picows|websockets URL [--size BYTES] [--seconds S] [--warmup S] [--trust FILE]`.

Prints what the Swift client prints: `round_trips N`, `seconds S` and `cpu_seconds S`.
"""

import argparse
import ssl
from time import perf_counter, process_time

import picows
import uvloop
import websockets


class Stopwatch:
    """Counts round trips: those of the warm-up do not count."""

    def __init__(self, options):
        self.round_trips, self.options, self.warming = 0, options, True
        self.start, self.cpu = perf_counter(), process_time()
        self.end = self.start + options.warmup

    def has_more(self):
        """Counts one; whether there is to be another."""
        now = perf_counter()
        self.round_trips += 1
        if now < self.end:
            return True
        if self.warming:
            self.warming, self.round_trips, self.start, self.cpu = False, 0, now, process_time()
            self.end = now + self.options.seconds
            return True
        self.seconds, self.cpu = now - self.start, process_time() - self.cpu
        return False


class Talker(picows.WSListener):
    """The next message is sent from the callback that brings the echo: the fastest way that picows has."""

    def __init__(self, message, stopwatch):
        self.message, self.stopwatch, self.problem = message, stopwatch, None

    def on_ws_connected(self, transport):
        transport.send(picows.WSMsgType.BINARY, self.message)

    def on_ws_frame(self, transport, frame):
        if frame.msg_type != picows.WSMsgType.BINARY or frame.get_payload_as_memoryview() != self.message:
            self.problem = "not the echo that was expected"
            transport.disconnect()
        elif self.stopwatch.has_more():
            transport.send(picows.WSMsgType.BINARY, self.message)
        else:
            transport.disconnect()


async def talk_picows(options, message, context, stopwatch):
    talker = Talker(message, stopwatch)
    transport, _ = await picows.ws_connect(lambda: talker, options.url, ssl_context=context)
    await transport.wait_disconnected()
    if talker.problem:
        raise SystemExit(talker.problem)


async def talk_websockets(options, message, context, stopwatch):
    async with websockets.connect(options.url, ssl=context, compression=None, max_size=None, proxy=None) as connection:
        while True:
            await connection.send(message)
            if await connection.recv() != message:
                raise SystemExit("not the echo that was expected")
            if not stopwatch.has_more():
                return


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", choices=["picows", "websockets"])
    parser.add_argument("url")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--warmup", type=float, default=0.5)
    parser.add_argument("--trust")
    options = parser.parse_args()
    message = bytes(0x20 + i % 95 for i in range(options.size))
    context = ssl.create_default_context(cafile=options.trust) if options.trust else None
    stopwatch = Stopwatch(options)
    uvloop.run({"picows": talk_picows, "websockets": talk_websockets}[options.library](options, message, context, stopwatch))
    print(f"round_trips {stopwatch.round_trips}\nseconds {stopwatch.seconds:.6f}\ncpu_seconds {stopwatch.cpu:.6f}")


if __name__ == "__main__":
    main()
