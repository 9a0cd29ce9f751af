"""What the echo servers do, by path. Whatever path is not named here is an echo.

/                           echo; the message `close CODE REASON` closes so
/close?code=4001&reason=x   closes at once
/fragments?kind=binary      sends one message in three fragments, then echoes
/ping                       pings; sends `ponged` or `no pong`, then echoes
/pipelined?count=1000       sends `message 0`, `message 1`, ... in one write, then echoes
/message?size=N&kind=text   sends one message of N bytes, then echoes
/headers                    sends the request's headers, a JSON list of pairs, then echoes
/subprotocol?force=x        sends the subprotocol chosen, or `none`, then echoes; force: chooses x, asked for
                            or not (aiohttp only chooses what was asked for)
/drop                       resets the TCP connection
/hang-up                    ends the TCP connection without a close frame
/refuse?status=403          answers the handshake with that status and a short body
"""

import asyncio
import json
import re
from urllib.parse import parse_qs, urlsplit

from peer import Closed

SUBPROTOCOLS = ["chat", "superchat"]
FRAGMENTS = ["The first part, ", "the second, ", "and the last: äöü."]
PING_PAYLOAD = b"still there?"
PONG_SECONDS = 5


class Request:
    """A request's target, taken apart."""

    def __init__(self, target):
        parts = urlsplit(target)
        self.path = parts.path
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}

    @property
    def refusal(self):
        """The status to refuse the handshake with, or nothing."""
        return int(self.query.get("status", 403)) if self.path == "/refuse" else None

    def subprotocol(self, offered):
        """The first that we know of those the client offered, in our order."""
        if self.path == "/subprotocol" and "force" in self.query:
            return self.query["force"]
        return next((name for name in SUBPROTOCOLS if name in offered), None)


async def serve(connection, request, headers):
    """Does what the path says. Returns when the connection is over."""
    try:
        if await begin(connection, request, headers):
            await echo(connection)
    except Closed:
        pass


async def begin(connection, request, headers):
    """The path's own part. False: that was all."""
    query = request.query
    match request.path:
        case "/close":
            await connection.close(int(query.get("code", 1000)), query.get("reason", ""))
            return False
        case "/drop":
            connection.reset()
            return False
        case "/hang-up":
            connection.hang_up()
            return False
        case "/fragments":
            binary = query.get("kind") == "binary"
            await connection.send_fragments([part.encode() for part in FRAGMENTS] if binary else FRAGMENTS)
        case "/ping":
            try:
                async with asyncio.timeout(PONG_SECONDS):
                    await connection.ping(PING_PAYLOAD)
                await connection.send("ponged")
            except TimeoutError:
                await connection.send("no pong")
        case "/pipelined":
            await connection.send_pipelined([f"message {i}" for i in range(int(query.get("count", 1000)))])
        case "/message":
            size = int(query.get("size", 1))
            await connection.send("x" * size if query.get("kind") == "text" else bytes(size))
        case "/headers":
            await connection.send(json.dumps([[name, value] for name, value in headers]))
        case "/subprotocol":
            await connection.send(connection.subprotocol or "none")
    return True


async def echo(connection):
    while True:
        message = await connection.receive()
        asked = re.fullmatch(r"close (\d+) ?(.*)", message, re.DOTALL) if isinstance(message, str) else None
        if asked:
            await connection.close(int(asked[1]), asked[2])
            return
        await connection.send(message)
