import HTTPTypes

@testable import HansomHTTP
@testable import HansomTransport
@testable import WSProtocol
@testable import WSServer

/// What request fields say of who asks: `Forwarded` and its kin, credentials, tokens; and the ranges that say whom to
/// believe.
func fuzzForwarded(_ input: [UInt8]) {
    var choices = Choices(input)
    let kind = choices.byte() % 4
    let text = String(decoding: choices.remaining(), as: UTF8.self)
    switch kind {
    case 0: judge(text, .forwarded, .forwarded)
    case 1: judge(text, .xForwardedFor, .xForwarded)
    case 2: readCredentials(text)
    default: readRange(text)
    }
}

/// A claim is believed only of a proxy that is trusted, and the origin that comes of it is sound.
private func judge(_ text: String, _ name: HTTPField.Name, _ kind: ForwardedHeaders) {
    guard let trusted = try? IPRange("10.0.0.0/8"), let peer = SocketAddress(numeric: "10.0.0.1", port: 1),
        let stranger = SocketAddress(numeric: "192.0.2.1", port: 1)
    else { fatalError("no address") }
    let fields: HTTPFields = [name: text, .xForwardedProto: "https", .xForwardedHost: "h:1"]
    let proxies = TrustedProxies(ranges: [trusted], headers: kind)
    requireEqual(
        proxies.judge(fields, peer: stranger, isTLS: false), .init(clientAddress: stranger), "what a stranger claims")
    let findings = proxies.judge(fields, peer: peer, isTLS: false)
    guard let origin = findings.externalOrigin else { return }
    require(["http", "https"].contains(origin.scheme), "scheme \(origin.scheme)")
    require((0...65535).contains(origin.port), "port \(origin.port)")
    require(Authority(Authority.bracketed(origin.host)) != nil, "host \(origin.host)")
}

private func readCredentials(_ text: String) {
    let fields: HTTPFields = [.authorization: text]
    if let credentials = BasicCredentials(fields) {
        require(!credentials.user.utf8.contains(UInt8(ascii: ":")), "a colon in the user's name")
        require(credentials.match(user: credentials.user, password: credentials.password), "not equal to itself")
        require(!credentials.match(user: credentials.user, password: credentials.password + "x"), "equal to another")
    }
    guard let token = BearerToken(fields) else { return }
    require(token.matches(token.value) && !token.matches(token.value + "="), "token")
    require(text.utf8.count > token.value.utf8.count, "a token without its scheme")
}

private func readRange(_ text: String) {
    guard let range = try? IPRange(text) else { return }
    requireEqual(try? IPRange(range.description), range, "range, read again")
    if let address = TrustedProxies.address(text) { require(IPRange(address).contains(address), "not within itself") }
}
