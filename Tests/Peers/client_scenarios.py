"""What the clients try with an echo server: one connection for each scenario, one line of JSON for each result."""

import asyncio
import json

from peer import Closed

SCENARIOS = {}
SIZES = [1, 125, 126, 127, 65535, 65536, 1 << 20]


class Unexpected(Exception):
    """The server did something else."""


def scenario(run):
    SCENARIOS[run.__name__.replace("_", "-")] = run
    return run


def expect(got, wanted, what="got"):
    if got != wanted:
        raise Unexpected(f"{what} {shortened(got)}, not {shortened(wanted)}")


def shortened(value):
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(value)} long)"


async def expect_echo(connection, message):
    await connection.send(message)
    expect(await connection.receive(), message)


async def expect_close(connection, code, reason=None):
    try:
        message = await connection.receive()
    except Closed as closed:
        expect(closed.code, code, "closed with")
        if reason is not None:
            expect(closed.reason, reason, "close reason")
        return f"closed with {closed.code} {closed.reason!r}"
    raise Unexpected(f"got {shortened(message)}, not a close with {code}")


@scenario
async def text(connection, options):
    await expect_echo(connection, "Hello, Grüße, 世界, 🚕")


@scenario
async def binary(connection, options):
    await expect_echo(connection, bytes(range(256)))


@scenario
async def empty(connection, options):
    await expect_echo(connection, "")
    await expect_echo(connection, b"")


def size_scenario(size):
    async def run(connection, options):
        await expect_echo(connection, "x" * size)
        await expect_echo(connection, (bytes(range(256)) * (size // 256 + 1))[:size])

    return run


SCENARIOS |= {f"size-{size}": size_scenario(size) for size in SIZES}


@scenario
async def fragmented(connection, options):
    for parts in (["one, ", "two, ", "", "dreißig"], [b"\x00\x01", b"", b"\xff" * 70000], ["", "", ""]):
        await connection.send_fragments(parts)
        expect(await connection.receive(), parts[0][:0].join(parts))


@scenario
async def pipelined(connection, options):
    messages = [f"message {i}" for i in range(1000)]
    await connection.send_pipelined(messages)
    for message in messages:
        expect(await connection.receive(), message)


@scenario
async def ping(connection, options):
    for payload in (b"", b"payload", bytes(125)):
        await connection.ping(payload)
    await expect_echo(connection, "after the pongs")


@scenario
async def client_close(connection, options):
    code, _ = await connection.close(4000, "from the client")
    expect(code, 4000, "answered with")  # the reason need not come back (RFC 6455 section 5.5.1)


@scenario
async def server_close(connection, options):
    await connection.send("close 4001 bye")
    return await expect_close(connection, 4001, "bye")


@scenario
async def subprotocol(connection, options):
    offered, wanted, chosen = options.subprotocols.split(","), options.expect_subprotocol, connection.subprotocol
    if wanted:
        expect(chosen, None if wanted == "none" else wanted, "the server chose")
    elif chosen not in offered:
        raise Unexpected(f"the server chose {chosen!r} of {offered}")
    await expect_echo(connection, "negotiated")
    return f"the server chose {chosen!r}"


@scenario
async def bad_utf8(connection, options):
    await connection.send_as_text(b"valid, then not: \xc0\xaf")
    return await expect_close(connection, 1007)


@scenario
async def too_big(connection, options):
    # The server may hang up on us while we still send: what counts is the close that it sent first.
    try:
        await connection.send(bytes(options.max_message_size + 1))
    except (Closed, ConnectionError):
        pass
    return await expect_close(connection, 1009)


async def attempt(connect, name, options):
    """Runs one scenario on a connection of its own. `connect(subprotocols)` is an asynchronous context manager."""
    offered = options.subprotocols.split(",") if name == "subprotocol" else []
    try:
        async with asyncio.timeout(options.seconds), connect(offered) as connection:
            detail = await SCENARIOS[name](connection, options)
        return {"scenario": name, "ok": True, "detail": detail or ""}
    except TimeoutError:
        return {"scenario": name, "ok": False, "detail": f"not done within {options.seconds:g} s"}
    except Exception as error:  # whatever a library throws is a result to report
        return {"scenario": name, "ok": False, "detail": f"{type(error).__name__}: {error}"}


async def run_scenarios(connect, options):
    """Runs what was asked for, one after the other. Returns the exit code."""
    names = list(SCENARIOS) if options.scenario == "all" else options.scenario.split(",")
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        print(json.dumps({"scenario": unknown[0], "ok": False, "detail": f"known are {', '.join(SCENARIOS)}"}))
        return 64
    code = 0
    for name in names:
        result = await attempt(connect, name, options)
        print(json.dumps(result), flush=True)
        if not result["ok"]:
            code = 1
    return code
