"""Tries an echo server with the client of the `picows` library; see client_scenarios.py for the scenarios.

picows hands over frames: the fragments are joined here.
"""

import asyncio
import contextlib

from picows import WSCloseCode, WSListener, WSMsgType, ws_connect

from client_scenarios import run_scenarios
from command_line import client_arguments, client_tls, run
from peer import TEXT, Closed, Connection, fragment_frames, frame


class Frames(WSListener):
    """Joins what arrives into messages, in order; the end of the connection comes last, as `Closed`."""

    def __init__(self):
        self.arrived = asyncio.Queue()
        self.pongs = asyncio.Queue()
        self.parts, self.is_text = [], False
        self.end = Closed(1006)

    def on_ws_frame(self, transport, received):
        payload = received.get_payload_as_bytes()
        match received.msg_type:
            case WSMsgType.PING:
                transport.send_pong(payload)
            case WSMsgType.PONG:
                self.pongs.put_nowait(payload)
            case WSMsgType.CLOSE:
                code, reason = int.from_bytes(payload[:2]), payload[2:].decode()
                self.end = Closed(code or 1005, reason)
                if not transport.is_close_frame_sent:
                    transport.send(WSMsgType.CLOSE, payload)
                transport.disconnect()
            case kind:
                if kind != WSMsgType.CONTINUATION:
                    self.parts, self.is_text = [], kind == WSMsgType.TEXT
                self.parts.append(payload)
                if received.fin:
                    message = b"".join(self.parts)
                    self.arrived.put_nowait(message.decode() if self.is_text else message)

    def on_ws_disconnected(self, transport):
        self.arrived.put_nowait(self.end)


class PicowsConnection(Connection):
    def __init__(self, websocket, frames):
        self.websocket, self.frames = websocket, frames
        self.transport = websocket.underlying_transport
        self.subprotocol = websocket.response.headers.get("Sec-WebSocket-Protocol")

    async def send(self, message):
        if isinstance(message, str):
            self.websocket.send(WSMsgType.TEXT, message.encode())
        else:
            self.websocket.send(WSMsgType.BINARY, message)

    async def receive(self):
        arrived = await self.frames.arrived.get()
        if isinstance(arrived, Closed):
            self.frames.arrived.put_nowait(arrived)
            raise arrived
        return arrived

    async def ping(self, payload):
        self.websocket.send_ping(payload)
        while await self.frames.pongs.get() != payload:
            pass

    async def close(self, code, reason):
        self.websocket.send(WSMsgType.CLOSE, code.to_bytes(2) + reason.encode())
        await self.websocket.wait_disconnected()
        return self.frames.end.code, self.frames.end.reason

    async def send_fragments(self, parts):
        self.transport.write(b"".join(fragment_frames(parts, masked=True)))

    async def send_pipelined(self, messages):
        self.transport.write(b"".join(frame(TEXT, message.encode(), masked=True) for message in messages))

    async def send_as_text(self, payload):
        self.websocket.send(WSMsgType.TEXT, payload)


def connecting(options):
    @contextlib.asynccontextmanager
    async def connection(subprotocols):
        websocket, frames = await ws_connect(
            Frames,
            options.url,
            ssl_context=client_tls(options),
            enable_auto_pong=False,
            max_redirects=0,
            extra_headers={"Sec-WebSocket-Protocol": ", ".join(subprotocols)} if subprotocols else None,
        )
        try:
            yield PicowsConnection(websocket, frames)
        finally:
            if not websocket.is_close_frame_sent:
                websocket.send_close(WSCloseCode.OK)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await websocket.wait_disconnected()
            websocket.disconnect(graceful=False)

    return connection


if __name__ == "__main__":
    arguments = client_arguments(__doc__)
    run(run_scenarios(connecting(arguments), arguments))
