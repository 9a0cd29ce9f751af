"""What it costs a server in user space to open and to close a connection, and to answer a GET: counted by callgrind.

The server is `hansom serve echo`, as in `cost.py`. A client of a few lines asks as a browser does, with all the fields
that one sends. Connections are opened, all of them, then closed, all of them, by the closing handshake; then as many
plain requests are made, each on a connection of its own. Each part is counted alone.
"""

import argparse
import re
import socket
import ssl
import struct
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from cost import COUNTED, Failure, Profile, Server, resolve

ALLOCATIONS = COUNTED["allocations"]

FIELDS = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\n"
    "Origin: {scheme}://127.0.0.1:{port}\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n"
)
UPGRADE = (
    "GET /chat?room=1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    + FIELDS
    + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
)
GET = "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nAccept: text/html,*/*;q=0.8\r\n" + FIELDS + "\r\n"
ACCEPT = b"\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"
# How far up the callers of an allocation are told apart.
CALLERS = 10
# What only passes an allocation on.
PLUMBING = re.compile(r"^(swift_(slowAlloc|allocObject|bufferAllocate|initStackObject|allocBox)|_?malloc|calloc|realloc|operator new|_Znwm|_Znam|\(below main\))")


class Door:
    """Connects, with TLS or without."""

    def __init__(self, port, tls, resumes):
        self.port, self.context, self.resumes, self.session = port, None, resumes, None
        self.scheme = "https" if tls else "http"
        if tls:
            self.context = ssl.create_default_context()
            self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    def connect(self):
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=120)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self.context:
            return peer
        return self.context.wrap_socket(peer, session=self.session if self.resumes else None)

    def opened(self):
        """A connection that has become a WebSocket."""
        peer = self.connect()
        peer.sendall(UPGRADE.format(port=self.port, scheme=self.scheme).encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += received(peer)
        if not answer.startswith(b"HTTP/1.1 101 ") or ACCEPT not in answer.lower():
            raise Failure(f"the server answered {answer!r}; 101 with the right accept was expected")
        if self.context:
            self.session = peer.session
        return peer

    def get(self, path, status):
        """One plain request, until the server ends the connection."""
        peer = self.connect()
        peer.sendall(GET.format(port=self.port, scheme=self.scheme, path=path).encode())
        answer = b""
        while part := peer.recv(65_536):
            answer += part
        peer.close()
        if not answer.startswith(b"HTTP/1.1 %d " % status):
            raise Failure(f"the server answered {answer!r}; {status} was expected")


def received(peer):
    part = peer.recv(65_536)
    if not part:
        raise Failure("the server closed the connection")
    return part


def close(peer):
    """The closing handshake, which the server ends."""
    code = struct.pack("!H", 1000)
    peer.sendall(b"\x88\x82\0\0\0\0" + code)
    answer = b""
    while part := peer.recv(65_536):
        answer += part
    peer.close()
    if answer != b"\x88\x02" + code:
        raise Failure(f"the server answered {answer!r}; its close frame was expected")


class OpeningProfile(Profile):
    """Knows also what functions cost with all that they call."""

    def __init__(self, path):
        super().__init__(path)
        self.inclusive = Counter()
        names, function, called, isCall = {}, None, None, False
        for line in Path(path).read_text(errors="replace").splitlines():
            if line.startswith(("fn=", "cfn=")):
                name = resolve(names, line.split("=", 1)[1]).split("'")[0]
                if line[0] == "c":
                    called = name
                else:
                    function = name
            elif line.startswith("calls="):
                isCall = True
            elif isCall:
                # What calls itself would count twice.
                if called != function:
                    self.inclusive[called] += int(line.split()[1])
                isCall = False


class OpeningServer(Server):
    """Tells apart who has allocated."""

    PROFILE = OpeningProfile
    VALGRIND = [f"--separate-callers{CALLERS}={name}" for name in sorted(ALLOCATIONS)]


def measure(program, arguments, count, tls, resumes, path, status):
    """The profiles of three parts: to open, to close, to answer a GET."""
    with tempfile.TemporaryDirectory() as folder:
        if tls:
            arguments = [*arguments, *certificate(Path(folder))]
        server = OpeningServer(program, arguments, Path(folder))
        try:
            door = Door(server.port, tls, resumes)
            for peer in [door.opened() for _ in range(30)]:
                close(peer)
            for _ in range(30):
                door.get(path, status)
            server.dump()
            peers = [door.opened() for _ in range(count)]
            opening = server.dump()
            for peer in peers:
                close(peer)
            closing = server.dump()
            for _ in range(count):
                door.get(path, status)
            getting = server.dump()
        finally:
            server.end()
        return {"open": opening, "close": closing, "GET": getting}


def certificate(folder):
    key, chain = folder / "key.pem", folder / "chain.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", key, "-out", chain],
        check=True, capture_output=True,
    )  # fmt: skip
    return ["--tls-cert", str(chain), "--tls-key", str(key)]


def demangled(names):
    """What a compiler made of names, undone."""
    names = list(names)
    said = subprocess.run(["swift", "demangle", "--compact", "--simplified"], input="\n".join(names), capture_output=True, text=True, check=True)
    return dict(zip(names, said.stdout.splitlines()))


def allocators(profile):
    """How often which chain of callers has allocated."""
    chains = Counter()
    for name, calls in profile.calls.items():
        functions = name.split("'")
        if functions[0] in ALLOCATIONS:
            chains[tuple(name for name in functions[1:] if not PLUMBING.match(name))] += calls
    return chains


def show(title, profile, count, top, chain_length):
    print(f"{title}: " + ", ".join(f"{number} {what}" for what, number in profile.costs(count).items()))
    if not top:
        return
    merged = Counter()
    for name, instructions in profile.instructions.items():
        merged[name.split("'")[0]] += instructions
    functions = merged.most_common(top)
    chains = allocators(profile).most_common(top)
    inclusive = profile.inclusive.most_common(top)
    plain = demangled({name for name, _ in functions + inclusive} | {name for chain, _ in chains for name in chain})
    for name, instructions in functions:
        print(f"{instructions / count:9.1f} {plain[name][:150]}")
    print(f"{title}, with all that they call:")
    for name, instructions in inclusive:
        print(f"{instructions / count:9.1f} {plain[name][:150]}")
    print(f"{title}, who allocates:")
    for chain, calls in chains:
        print(f"{calls / count:9.2f} " + " < ".join(plain[name][:90] for name in chain[:chain_length]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--sync", action="store_true")
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--resume", action="store_true", help="with --tls: each connection resumes the session of the one before")
    parser.add_argument("--path", default="/", help="of the GET")
    parser.add_argument("--status", type=int, default=426, help="that the GET is answered with")
    parser.add_argument("--top", type=int, default=0)
    parser.add_argument("--chain", type=int, default=5, help="how many callers of an allocation are shown")
    options = parser.parse_args()
    arguments = ["--sync"] if options.sync else []
    profiles = measure(
        options.program, arguments, options.connections, options.tls or options.resume, options.resume, options.path, options.status
    )
    for title, profile in profiles.items():
        show(title, profile, options.connections, options.top, options.chain)


if __name__ == "__main__":
    main()
