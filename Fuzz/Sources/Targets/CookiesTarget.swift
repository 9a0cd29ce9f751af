@testable import HansomHTTP
@testable import WSClient
@testable import WSProtocol

/// `Set-Cookie`, dates, `Retry-After` and `NO_PROXY`: what others write in text, and what a client makes of it.
func fuzzCookies(_ input: [UInt8]) {
    var choices = Choices(input)
    let kind = choices.byte() % 4
    let text = String(decoding: choices.remaining(), as: UTF8.self)
    switch kind {
    case 0: setCookie(text)
    case 1: _ = HTTPDate.seconds(text)
    case 2:
        guard let delay = RetryAfter.delay(text, now: 1_700_000_000) else { return }
        require(delay >= .zero, "a wait of \(delay)")
    default:
        let list = NoProxyList(text)
        for host in ["example.com", "www.example.com", "10.1.2.3", "::1", "", "."] {
            _ = list.contains(host: host, port: 443)
        }
    }
}

private func setCookie(_ text: String) {
    guard let url = try? WebSocketURL("wss://www.example.com/a/b?c"),
        let other = try? WebSocketURL("wss://www.elsewhere.org/a/b"),
        let cookie = Cookie(text, from: url, now: 1_700_000_000)
    else { return }
    require(!cookie.isFor(other, now: 1_700_000_000), "a cookie for somebody else")
    for part in [cookie.name, cookie.value, cookie.path] {
        require(
            !part.utf8.contains { $0 < 0x20 && $0 != 9 || $0 == 0x7F || $0 == UInt8(ascii: ";") },
            "\(part.debugDescription)")
    }
    require(!cookie.name.isEmpty && !cookie.name.contains("="), "name \(cookie.name)")
    requireEqual(cookie.domain, cookie.domain.lowercased(), "domain")
}
