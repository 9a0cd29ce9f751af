internal import HansomTransport
internal import WSConnection

/// A tunnel through a SOCKS5 proxy (RFC 1928), with user and password where it wants them (RFC 1929).
///
/// Names are the proxy's to resolve: it may see other ones than this machine does, and nobody else learns of them.
struct SOCKSTunnel: Tunnel {
    /// What is awaited.
    private enum Expectation {
        case method, authentication, reply
    }

    let greeting: [UInt8]
    private let server: WebSocketError.Place
    private let credentials: Proxy.Credentials?
    private var expectation = Expectation.method
    private var held: [UInt8] = []

    private static let version: UInt8 = 5
    private static let noAuthentication: UInt8 = 0
    private static let userAndPassword: UInt8 = 2

    /// - Parameters:
    ///   - server: host, at most 255 bytes, and port to reach.
    ///   - credentials: user and password of 1 to 255 bytes.
    init(to server: WebSocketError.Place, credentials: Proxy.Credentials?) {
        self.server = server
        self.credentials = credentials
        let methods = [SOCKSTunnel.noAuthentication] + (credentials == nil ? [] : [SOCKSTunnel.userAndPassword])
        greeting = [SOCKSTunnel.version, UInt8(methods.count)] + methods
    }

    mutating func receive(_ bytes: [UInt8]) -> TunnelStep {
        held += bytes
        switch expectation {
        case .method: return method()
        case .authentication: return authentication()
        case .reply: return reply()
        }
    }

    func ended() -> TunnelFailure {
        switch expectation {
        case .method: TunnelFailure(reason: "ended the connection without choosing a method of authentication")
        case .authentication: TunnelFailure(reason: "ended the connection instead of accepting user and password")
        case .reply: TunnelFailure(reason: "ended the connection before its reply")
        }
    }

    /// The method that the proxy chose (RFC 1928 section 3).
    private mutating func method() -> TunnelStep {
        if let first = held.first, first != SOCKSTunnel.version { return wrongVersion(first) }
        guard held.count >= 2 else { return .more }
        let method = held[1]
        guard held.count == 2 else { return tooMuch(2) }
        held = []
        switch (method, credentials) {
        case (SOCKSTunnel.noAuthentication, _):
            expectation = .reply
            return .send(request)
        case (SOCKSTunnel.userAndPassword, let credentials?):
            expectation = .authentication
            let (user, password) = (Array(credentials.user.utf8), Array(credentials.password.utf8))
            return .send([1, UInt8(user.count)] + user + [UInt8(password.count)] + password)
        case (0xFF, nil): return refused("wants credentials; give user and password in its URL, or as `credentials`")
        case (0xFF, _): return refused("accepts neither user and password nor nobody")
        default: return refused("chose method \(method), which was not offered (RFC 1928 section 3)")
        }
    }

    /// Whether it liked user and password (RFC 1929 section 2).
    private mutating func authentication() -> TunnelStep {
        guard held.count >= 2 else { return .more }
        guard held[0] == 1, held[1] == 0 else {
            return refused("does not accept user and password (RFC 1929 section 2)")
        }
        guard held.count == 2 else { return tooMuch(2) }
        held = []
        expectation = .reply
        return .send(request)
    }

    /// Asks for the connection (RFC 1928 section 4).
    private var request: [UInt8] {
        let port = server.port ?? 0
        let address: [UInt8]
        if let literal = SocketAddress(numeric: server.host, port: 0)?.bytes {
            address = [literal.count == 4 ? 1 : 4] + literal
        } else {
            address = [3, UInt8(clamping: server.host.utf8.count)] + server.host.utf8
        }
        return [SOCKSTunnel.version, 1, 0] + address + [UInt8(port >> 8 & 0xFF), UInt8(port & 0xFF)]
    }

    /// The reply, with an address that is of no use to us (RFC 1928 section 6).
    private func reply() -> TunnelStep {
        if let first = held.first, first != SOCKSTunnel.version { return wrongVersion(first) }
        // A refusal need not be complete: some proxies end the connection behind its second byte.
        if held.count >= 2, held[1] != 0 { return refused(SOCKSTunnel.words(held[1])) }
        guard held.count >= 5 else { return .more }
        let length: Int
        switch held[3] {
        case 1: length = 4 + 4 + 2
        case 3: length = 4 + 1 + Int(held[4]) + 2
        case 4: length = 4 + 16 + 2
        default: return refused("replied with an address of type \(held[3]) (RFC 1928 section 5)")
        }
        guard held.count >= length else { return .more }
        return held.count == length ? .open : tooMuch(length)
    }

    private func wrongVersion(_ byte: UInt8) -> TunnelStep {
        refused("does not speak SOCKS5: its first byte is \(byte) (RFC 1928 section 3)")
    }

    /// It has nothing more to say, and the server cannot have spoken yet.
    private func tooMuch(_ wanted: Int) -> TunnelStep {
        refused("sent \(held.count) bytes where SOCKS5 has \(wanted)")
    }

    private func refused(_ reason: String) -> TunnelStep { .refused(TunnelFailure(reason: reason)) }

    private static func words(_ reply: UInt8) -> String {
        let what =
            switch reply {
            case 1: "general failure"
            case 2: "not allowed by its rules"
            case 3: "network unreachable"
            case 4: "host unreachable"
            case 5: "connection refused"
            case 6: "time to live expired"
            case 7: "command not supported"
            case 8: "address type not supported"
            default: "unknown reason"
            }
        return "makes no connection: \(what) (reply \(reply), RFC 1928 section 6)"
    }
}
