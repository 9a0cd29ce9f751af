"""What the peers of all libraries have in common: one interface to a connection, and frames made by hand."""

import os
import socket
import struct
from abc import ABC, abstractmethod

TEXT, BINARY, CONTINUATION = 1, 2, 0


class Closed(Exception):
    """The connection is over. `code` is 1005 for a close without a code, and 1006 when there was no close at all."""

    def __init__(self, code, reason=""):
        super().__init__(f"closed with {code} {reason!r}")
        self.code, self.reason = code, reason


class Connection(ABC):
    """A WebSocket, client or server, of one of the foreign libraries."""

    subprotocol: str | None
    transport = None

    @abstractmethod
    async def send(self, message): ...

    @abstractmethod
    async def receive(self):
        """The next message, `str` or `bytes`. Answers pings meanwhile. Raises `Closed`."""

    @abstractmethod
    async def ping(self, payload):
        """Returns once the pong is there."""

    @abstractmethod
    async def close(self, code, reason):
        """Closes, and returns the code and the reason that the other side answered with."""

    @abstractmethod
    async def send_fragments(self, parts):
        """One message, a frame for each part."""

    @abstractmethod
    async def send_pipelined(self, messages):
        """Text messages in one write."""

    @abstractmethod
    async def send_as_text(self, payload):
        """A text message of bytes that need not be text."""

    def reset(self):
        """Ends TCP with RST."""
        linger = struct.pack("ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.transport.abort()

    def hang_up(self):
        """Ends TCP with FIN, without a close frame."""
        self.transport.close()


def frame(opcode, payload, *, final=True, masked):
    """A frame by the book, RFC 6455 section 5.2."""
    head = bytes([(0x80 if final else 0) | opcode])
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 65536:
        head += struct.pack("!BH", bit | 126, len(payload))
    else:
        head += struct.pack("!BQ", bit | 127, len(payload))
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def fragment_frames(parts, *, masked):
    """The frames of one message, in one piece for each part."""
    opcode = TEXT if isinstance(parts[0], str) else BINARY
    for i, part in enumerate(parts):
        payload = part.encode() if isinstance(part, str) else part
        yield frame(opcode if i == 0 else CONTINUATION, payload, final=i == len(parts) - 1, masked=masked)
