import HTTPTypes

@testable import HansomHTTP
@testable import WSProtocol

/// URLs: nothing that is accepted can break a request, no password is shown, and what is shown leads to the same place.
func fuzzURLs(_ input: [UInt8]) {
    var choices = Choices(input)
    let first = choices.bytes(Int(choices.byte()))
    let text = String(decoding: first, as: UTF8.self)
    let reference = String(decoding: choices.remaining(), as: UTF8.self)
    _ = try? ProxyURL(text)
    if let origin = WebOrigin(text) { requireEqual(WebOrigin(origin.description), origin, "origin, read again") }
    guard let url = try? WebSocketURL(text) else { return }
    check(url)
    guard let other = try? url.resolving(reference) else { return }
    check(other)
    let path = other.target.prefix { $0 != "?" }
    require(!reference.hasPrefix("/") || reference.hasPrefix("//") || !path.contains("/../"), "dots in \(path)")
}

private func check(_ url: WebSocketURL) {
    require((1...65535).contains(url.port), "port \(url.port)")
    require(
        url.unixPath.map { $0.utf8.first == UInt8(ascii: "/") && !$0.utf8.contains(0) } ?? true, "path of a Unix socket"
    )
    do {
        let handshake = try ClientHandshake(
            target: url.target, host: url.hostHeader, key: Array("the sample nonce".utf8))
        let read = HeadTrials.read([handshake.requestBytes]) { RequestHeadParser(limits: .generous) }
        requireEqual(read.head, handshake.request, "request, read again")
    } catch {
        fatalError("\(error) for an accepted URL")
    }
    guard url.unixPath == nil else { return }
    if let again = try? WebSocketURL("\(url.scheme.rawValue)://\(url.hostHeader)\(url.target)") {
        requireEqual([again.host, again.target], [url.host, url.target], "read again")
        requireEqual(again.port, url.port, "port, read again")
    } else {
        fatalError("\(url) cannot be read again")
    }
    let withUser = url.userinfo.map { "\($0.user)@" } ?? ""
    requireEqual(url.description, "\(url.scheme.rawValue)://\(withUser)\(url.hostHeader)\(url.target)", "what is shown")
}
