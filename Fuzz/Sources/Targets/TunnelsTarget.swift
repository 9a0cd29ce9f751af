import WSProtocol

@testable import WSClient
@testable import WSConnection

/// What proxies answer, SOCKS5 and HTTP: cut anywhere the same, and at most one outcome.
func fuzzTunnels(_ input: [UInt8]) {
    var choices = Choices(input)
    let shape = choices.byte()
    let cuts = choices.bytes(choices.number(upTo: 3))
    let answer = choices.remaining()
    let place = WebSocketError.Place(host: shape & 4 == 0 ? "example.com" : "::1", port: 443)
    if shape & 1 == 0 {
        let credentials = shape & 2 == 0 ? nil : Proxy.Credentials(user: "u", password: "p")
        requireSame(answer, cuts) { SOCKSTunnel(to: place, credentials: credentials) }
    } else {
        guard let proxy = try? Proxy("http://u:p@localhost:3128") else { fatalError("no proxy") }
        requireSame(answer, cuts) { HTTPTunnel(to: place, through: proxy) }
    }
}

private func requireSame<T: Tunnel>(_ answer: [UInt8], _ cuts: [UInt8], _ make: () -> T) {
    let first = run(answer.pieces(cutBy: cuts), make())
    let second = run(answer.map { [$0] }, make())
    requireEqual(first.sent[...], second.sent.prefix(first.sent.count), "what was said to the proxy")
    // Bytes too many are seen only when they come along, so a tunnel may be over in large pieces, and not in small
    // ones.
    if first.isOver { return }
    requireEqual(second.sent, first.sent, "what was said to the proxy")
    require(!second.isOver, "over in small pieces only")
}

/// Feeds a tunnel as long as it wants more.
private func run<T: Tunnel>(_ pieces: [[UInt8]], _ tunnel: T) -> (sent: [[UInt8]], isOver: Bool) {
    var tunnel = tunnel
    var sent: [[UInt8]] = []
    for piece in pieces {
        switch tunnel.receive(piece) {
        case .more: break
        case .send(let bytes):
            require(!bytes.isEmpty, "nothing said to the proxy")
            sent.append(bytes)
        case .open, .refused: return (sent, true)
        }
    }
    require(!tunnel.ended().reason.isEmpty, "no reason")
    return (sent, false)
}
