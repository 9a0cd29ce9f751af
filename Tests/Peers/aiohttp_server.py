"""An echo server of the `aiohttp` library; see server_paths.py for what it does beside echoing."""

import asyncio

from aiohttp import web

import server_paths
from aiohttp_peer import AiohttpConnection
from command_line import announce, run, server_arguments, server_tls
from server_paths import Request


def handler(options):
    async def handle(http_request):
        request = Request(http_request.path_qs)
        if request.refusal:
            return web.Response(status=request.refusal, text="refused\n")
        offered = [name.strip() for name in http_request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        chosen = request.subprotocol(offered)
        websocket = web.WebSocketResponse(
            timeout=5,
            autoping=False,
            autoclose=False,
            protocols=[chosen] if chosen else [],
            compress=options.deflate,
            max_msg_size=options.max_message_size + 1,  # aiohttp's bound is the first size that is refused
        )
        await websocket.prepare(http_request)
        await server_paths.serve(AiohttpConnection(websocket), request, http_request.headers.items())
        return websocket

    return handle


async def main(options):
    server = web.Server(handler(options))
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", options.port, ssl_context=server_tls(options), shutdown_timeout=1)
    await site.start()
    announce(site._server.sockets)
    await asyncio.Event().wait()


if __name__ == "__main__":
    arguments = server_arguments(__doc__)
    run(main(arguments), arguments.seconds)
