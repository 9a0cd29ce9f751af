"""Arguments, TLS and deadlines of the peers. They speak to this machine only, and end by themselves."""

import argparse
import asyncio
import ssl
import sys
from urllib.parse import urlsplit

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def server_arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0, help="0, the default: one that is free; printed as `listening PORT`")
    parser.add_argument("--cert", help="certificate chain, PEM: serve TLS")
    parser.add_argument("--key", help="its private key, PEM")
    parser.add_argument("--max-message-size", type=int, default=1 << 20, metavar="BYTES")
    parser.add_argument("--deflate", action="store_true", help="compress messages, if the other side does")
    parser.add_argument("--seconds", type=float, default=120, help="ends after so long, whatever happens (120)")
    return parser.parse_args()


def client_arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("url", help="an echo server on this machine, ws: or wss:")
    parser.add_argument("--scenario", default="all", help="one name, several with commas, or all (the default)")
    parser.add_argument("--ca", metavar="FILE", help="trust this authority for wss:")
    parser.add_argument("--subprotocols", default="superchat,chat", metavar="LIST", help="offered in scenario subprotocol")
    parser.add_argument("--expect-subprotocol", metavar="NAME", help="what must be chosen, or `none`; default: one of those")
    parser.add_argument("--max-message-size", type=int, default=1 << 20, metavar="BYTES", help="the server's limit")
    parser.add_argument("--deflate", action="store_true", help="compress messages, if the other side does")
    parser.add_argument("--seconds", type=float, default=10, help="deadline of each scenario (10)")
    options = parser.parse_args()
    if urlsplit(options.url).hostname not in LOOPBACK:
        parser.error(f"{options.url}: only this machine is spoken to")
    return options


def server_tls(options):
    if not options.cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.cert, options.key)
    return context


def client_tls(options):
    return ssl.create_default_context(cafile=options.ca) if options.url.startswith("wss:") else None


def announce(sockets):
    """Tells whoever started us where to connect."""
    print(f"listening {sockets[0].getsockname()[1]}", flush=True)


def run(main, seconds=None):
    """Runs until done, or quietly until the time is over; exits with what `main` returned."""

    async def bounded():
        try:
            async with asyncio.timeout(seconds):
                return await main
        except TimeoutError:
            return 0

    try:
        sys.exit(asyncio.run(bounded()))
    except KeyboardInterrupt:
        sys.exit(130)
