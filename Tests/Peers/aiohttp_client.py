"""Tries an echo server with the client of the `aiohttp` library; see client_scenarios.py for the scenarios."""

import contextlib

from aiohttp import ClientSession, ClientWSTimeout

from aiohttp_peer import AiohttpConnection
from client_scenarios import run_scenarios
from command_line import client_arguments, client_tls, run


def connecting(options):
    @contextlib.asynccontextmanager
    async def connection(subprotocols):
        async with ClientSession() as session, session.ws_connect(
            options.url,
            ssl=client_tls(options) or True,
            protocols=subprotocols,
            timeout=ClientWSTimeout(ws_close=5),
            autoping=False,
            autoclose=False,
            max_msg_size=0,
            compress=15 if options.deflate else 0,
        ) as websocket:
            yield AiohttpConnection(websocket)

    return connection


if __name__ == "__main__":
    arguments = client_arguments(__doc__)
    run(run_scenarios(connecting(arguments), arguments))
