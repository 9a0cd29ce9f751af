"""An echo server of the `websockets` library; see server_paths.py for what it does beside echoing."""

import http

from websockets.asyncio.server import serve as listen

import server_paths
from command_line import announce, run, server_arguments, server_tls
from server_paths import Request
from websockets_peer import WebsocketsConnection


async def handle(websocket):
    request = websocket.request
    await server_paths.serve(WebsocketsConnection(websocket), Request(request.path), request.headers.raw_items())


def refuse(websocket, request):
    status = Request(request.path).refusal
    return websocket.respond(http.HTTPStatus(status), "refused\n") if status else None


def choose_subprotocol(websocket, offered):
    return Request(websocket.request.path).subprotocol(offered)


async def main(options):
    async with listen(
        handle,
        "127.0.0.1",
        options.port,
        ssl=server_tls(options),
        process_request=refuse,
        select_subprotocol=choose_subprotocol,
        compression="deflate" if options.deflate else None,
        max_size=options.max_message_size,
        ping_interval=None,
        close_timeout=5,
    ) as server:
        announce(server.sockets)
        await server.serve_forever()


if __name__ == "__main__":
    arguments = server_arguments(__doc__)
    run(main(arguments), arguments.seconds)
