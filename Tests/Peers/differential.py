"""Asks the `websockets` library and an echo server of this machine the same: how does this connection end?

Each case is a random stream of frames, some of them broken in one of many ways. The library, which needs no socket for it, and the
server must come to the same close code. Prints one line of JSON; the exit code is 0 when they always agreed.
"""

import argparse
import asyncio
import codecs
import json
import os
import random
import struct

from websockets.protocol import OPEN
from websockets.server import ServerProtocol

OPCODES_DEFINED = {0, 1, 2, 8, 9, 10}
TEXTS = ["", "a", "Grüße", "世界", "🚕" * 40, "x" * 200]
NOT_TEXTS = [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\xe4\xb8", b"\x80"]
CODES = [0, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1011, 1015, 1016, 2999, 3000, 4999, 5000, 65535]


def frame(chance, opcode, payload, final=True, reserved=0, masked=True):
    """A frame by RFC 6455 section 5.2, whatever it says."""
    first = (0x80 if final else 0) | reserved << 4 | opcode
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head = bytes([first, bit | len(payload)])
    elif len(payload) < 65536:
        head = bytes([first, bit | 126]) + struct.pack("!H", len(payload))
    else:
        head = bytes([first, bit | 127]) + struct.pack("!Q", len(payload))
    if not masked:
        return head + payload
    key = chance.randbytes(4)
    return head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def broken(chance):
    """A frame that ends the connection."""
    return chance.choice([
        lambda: frame(chance, 1, b"x", reserved=chance.randint(1, 7)),
        lambda: frame(chance, chance.choice([o for o in range(16) if o not in OPCODES_DEFINED]), b""),
        lambda: frame(chance, chance.choice([1, 2, 9]), b"bare", masked=False),
        lambda: frame(chance, 9, b"x" * chance.randint(126, 300)),
        lambda: frame(chance, chance.choice([8, 9, 10]), b"", final=False),
        lambda: frame(chance, 0, b"continues nothing"),
        lambda: frame(chance, 1, chance.choice(NOT_TEXTS)),
        lambda: frame(chance, 1, b"begun", final=False) + frame(chance, 1, b"interrupts"),
        lambda: frame(chance, 1, b"begun", final=False) + frame(chance, 0, chance.choice(NOT_TEXTS)),
        lambda: frame(chance, 8, b"\x03"),
        lambda: frame(chance, 8, struct.pack("!H", chance.choice(CODES)) + b"why"),
        lambda: frame(chance, 8, struct.pack("!H", 1000) + chance.choice(NOT_TEXTS)),
        lambda: b"\x82\xff" + struct.pack("!Q", (1 << 20) + 1) + chance.randbytes(4),
    ])()


def sound(chance):
    """A message, whole or in fragments, with control frames before and between them."""
    if chance.random() < 0.3:
        return frame(chance, chance.choice([9, 10]), chance.randbytes(chance.choice([0, 1, 125])))
    is_text = chance.random() < 0.5
    payload = chance.choice(TEXTS).encode() if is_text else chance.randbytes(chance.choice([0, 1, 125, 126, 70000]))
    cuts = sorted(chance.randint(0, len(payload)) for _ in range(chance.choice([0, 0, 1, 3])))
    parts = [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)])]
    stream = b""
    for i, part in enumerate(parts):
        if i and chance.random() < 0.3:
            stream += frame(chance, 9, b"between")
        stream += frame(chance, (1 if is_text else 2) if i == 0 else 0, part, final=i == len(parts) - 1)
    return stream


def case(chance):
    stream = b"".join(sound(chance) for _ in range(chance.randint(0, 4)))
    if chance.random() < 0.7:
        stream += broken(chance)
    return stream + frame(chance, 8, struct.pack("!H", 1000))


def close_code(stream):
    """The code of the close frame among a server's frames; `None` when there is none, 1005 when it has none."""
    at = 0
    while at + 2 <= len(stream):
        opcode, count, size = stream[at] & 15, stream[at + 1] & 127, 2
        if count == 126:
            count, size = struct.unpack_from("!H", stream, at + 2)[0], 4
        elif count == 127:
            count, size = struct.unpack_from("!Q", stream, at + 2)[0], 10
        payload = stream[at + size : at + size + count]
        if opcode == 8:
            return struct.unpack_from("!H", payload)[0] if count else 1005
        at += size + count
    return None


def of_library(stream):
    protocol = ServerProtocol(state=OPEN, max_size=1 << 20)
    protocol.receive_data(stream)
    decoder = None
    for event in protocol.events_received():
        # This part of the library leaves text to whoever takes the message, and a message ends before what comes behind it.
        if event.opcode in (1, 2):
            decoder = codecs.getincrementaldecoder("utf-8")() if event.opcode == 1 else None
        if event.opcode in (0, 1) and decoder:
            try:
                decoder.decode(event.data, event.fin)
            except UnicodeDecodeError:
                return 1007
    return close_code(b"".join(protocol.data_to_send()))


async def of_server(stream, port, chance):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")

    async def send():
        at = 0
        try:
            while at < len(stream):
                size = chance.choice([1, 7, 1000, 1 << 20])
                writer.write(stream[at : at + size])
                await writer.drain()
                at += size
        except ConnectionError:
            pass  # it has heard enough
        # A server that has closed for a violation waits until its peer has ended too.
        if writer.can_write_eof():
            try:
                writer.write_eof()
            except OSError:
                pass

    sending = asyncio.ensure_future(send())
    answer = b""
    try:
        async with asyncio.timeout(30):
            while piece := await reader.read(65536):
                answer += piece
    except ConnectionError:
        pass
    await sending
    writer.close()
    return close_code(answer)


async def main(options):
    seed = options.seed if options.seed is not None else int.from_bytes(os.urandom(4))
    differences, codes = [], {}
    for number in range(options.cases):
        chance = random.Random(f"{seed}/{number}")
        stream = case(chance)
        wanted, got = of_library(stream), await of_server(stream, options.port, chance)
        codes[str(wanted)] = codes.get(str(wanted), 0) + 1
        if got != wanted:
            differences.append({"case": number, "library": wanted, "server": got, "start": stream[:40].hex()})
    print(json.dumps({"seed": seed, "cases": options.cases, "codes": codes, "differences": differences}), flush=True)
    return 1 if differences else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int, help="of an echo server on this machine that takes messages of 1 MiB")
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, help="default: another each time")
    raise SystemExit(asyncio.run(main(parser.parse_args())))
