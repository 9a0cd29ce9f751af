"""The connections of the `aiohttp` library, client and server. Both are made with `autoping` and `autoclose` off."""

from collections import deque

from aiohttp import ClientWebSocketResponse, WSMsgType

from peer import Closed, Connection, TEXT, fragment_frames, frame

CONTROL = {WSMsgType.PING, WSMsgType.PONG}


class AiohttpConnection(Connection):
    def __init__(self, websocket):
        self.websocket = websocket
        self.transport = websocket._writer.transport  # there is no public way to frames of one's own
        self.subprotocol = websocket.ws_protocol if self.is_server else websocket.protocol
        self.waiting = deque()

    @property
    def is_server(self):
        return not isinstance(self.websocket, ClientWebSocketResponse)

    async def send(self, message):
        if isinstance(message, str):
            await self.websocket.send_str(message)
        else:
            await self.websocket.send_bytes(message)

    async def receive(self):
        if self.waiting:
            return self.waiting.popleft()
        while True:
            message = await self.next()
            if message.type not in CONTROL:
                return message.data

    async def ping(self, payload):
        await self.websocket.ping(payload)
        while True:
            message = await self.next()
            if message.type == WSMsgType.PONG and bytes(message.data) == payload:
                return
            if message.type not in CONTROL:
                self.waiting.append(message.data)

    async def next(self):
        """The next message or pong; a ping has its answer by then."""
        message = await self.websocket.receive()
        match message.type:
            case WSMsgType.TEXT | WSMsgType.BINARY | WSMsgType.PONG:
                return message
            case WSMsgType.PING:
                await self.websocket.pong(message.data)
                return message
            case WSMsgType.CLOSE:
                await self.websocket.close(code=message.data or 1000, message=(message.extra or "").encode())
                raise Closed(message.data or 1005, message.extra or "")
            case _:
                raise Closed(int(self.websocket.close_code or 1006))

    async def close(self, code, reason):
        await self.websocket.close(code=code, message=reason.encode())
        return int(self.websocket.close_code or 1006), reason  # aiohttp does not keep the reason of the answer

    async def send_fragments(self, parts):
        await self.write(b"".join(fragment_frames(parts, masked=not self.is_server)))

    async def send_pipelined(self, messages):
        await self.write(b"".join(frame(TEXT, message.encode(), masked=not self.is_server) for message in messages))

    async def send_as_text(self, payload):
        await self.write(frame(TEXT, payload, masked=not self.is_server))

    async def write(self, data):
        self.transport.write(data)
