"""Tries an echo server with the client of the `websockets` library; see client_scenarios.py for the scenarios."""

import contextlib

from websockets.asyncio.client import connect

from client_scenarios import run_scenarios
from command_line import client_arguments, client_tls, run
from websockets_peer import WebsocketsConnection


def connecting(options):
    @contextlib.asynccontextmanager
    async def connection(subprotocols):
        async with connect(
            options.url,
            ssl=client_tls(options),
            subprotocols=subprotocols or None,
            compression="deflate" if options.deflate else None,
            max_size=None,
            ping_interval=None,
            close_timeout=5,
            proxy=None,
        ) as websocket:
            yield WebsocketsConnection(websocket)

    return connection


if __name__ == "__main__":
    arguments = client_arguments(__doc__)
    run(run_scenarios(connecting(arguments), arguments))
