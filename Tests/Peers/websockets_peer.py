"""The connections of the `websockets` library, client and server."""

import asyncio

from websockets.exceptions import ConnectionClosed

from peer import Closed, Connection


class WebsocketsConnection(Connection):
    def __init__(self, websocket):
        self.websocket = websocket
        self.transport = websocket.transport
        self.subprotocol = websocket.subprotocol

    async def send(self, message):
        try:
            await self.websocket.send(message)
        except ConnectionClosed as error:
            raise closed(error) from error

    async def receive(self):
        try:
            return await self.websocket.recv()
        except ConnectionClosed as error:
            raise closed(error) from error

    async def ping(self, payload):
        pong = await self.websocket.ping(payload)
        await pong

    async def close(self, code, reason):
        await self.websocket.close(code, reason)
        answer = self.websocket.protocol.close_rcvd
        if answer is None:
            raise Closed(1006)
        return answer.code, answer.reason

    async def send_fragments(self, parts):
        await self.websocket.send(parts)

    async def send_pipelined(self, messages):
        protocol = self.websocket.protocol
        for message in messages:
            protocol.send_text(message.encode())
        self.transport.write(b"".join(protocol.data_to_send()))
        await asyncio.sleep(0)

    async def send_as_text(self, payload):
        await self.websocket.send(payload, text=True)


def closed(error):
    """What the other side sent, or what this library closed with for its own reasons."""
    close = error.rcvd or error.sent
    return Closed(close.code, close.reason) if close else Closed(1006)
