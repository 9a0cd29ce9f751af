internal import HTTPTypes
internal import HansomHTTP
internal import HansomTransport
internal import WSConnection
internal import WSProtocol

/// How a proxy is asked for a way to a server, and how its answer is read: bytes in, bytes out.
protocol Tunnel: Sendable {
    /// What is sent first.
    var greeting: [UInt8] { get }

    /// Takes what the proxy said.
    mutating func receive(_ bytes: [UInt8]) -> TunnelStep

    /// What is known when the proxy says no more.
    func ended() -> TunnelFailure
}

/// What a proxy's words came to.
enum TunnelStep: Equatable {
    /// More is to come.
    case more
    /// These bytes are the answer.
    case send([UInt8])
    /// What is sent and received from now on is the server's.
    case open
    /// There is no way through.
    case refused(TunnelFailure)
}

/// Why a proxy made no way.
struct TunnelFailure: Error, Equatable {
    /// What happened, as the end of a sentence that begins with the proxy.
    let reason: String
    /// Its HTTP answer, if it gave one.
    var response: WebSocketError.Response?

    static func == (a: Self, b: Self) -> Bool { a.reason == b.reason && a.response?.status == b.response?.status }
}

/// A tunnel through an HTTP proxy: CONNECT (RFC 9110 section 9.3.6).
struct HTTPTunnel: Tunnel {
    let greeting: [UInt8]
    private var parser: ResponseHeadParser
    private var interimAnswers = 0
    /// A refusal whose body is still coming.
    private var refusal: (head: ResponseHead, body: RefusalBody)?

    /// Interim answers before the one that counts.
    private static let mostInterimAnswers = 16

    /// - Parameters:
    ///   - server: host and port to reach.
    ///   - proxy: with the credentials and fields that it is to be sent.
    ///   - limits: of the head of its answer.
    init(to server: WebSocketError.Place, through proxy: Proxy, _ limits: HeadLimits = .init()) {
        parser = ResponseHeadParser(limits: limits, acceptsHTTP10: true, isForgiving: true)
        var fields = HTTPFields()
        fields[.hostField] = server.description
        if let credentials = proxy.credentials {
            fields[.proxyAuthorization] = credentials.basicAuthorization
        }
        for field in proxy.headers {
            if field.name == .proxyAuthorization { fields[.proxyAuthorization] = nil }
            fields.append(field)
        }
        greeting = RequestHead(method: .connect, target: server.description, fields: fields).bytes
    }

    mutating func receive(_ bytes: [UInt8]) -> TunnelStep {
        if refusal != nil { return receiveBody(bytes) }
        var rest = bytes
        while true {
            let (consumed, head): (Int, ResponseHead?)
            do throws(HeadError) {
                (consumed, head) = try parser.parse(rest)
            } catch {
                return .refused(TunnelFailure(reason: "does not answer CONNECT in HTTP: \(error.message)"))
            }
            guard let head else { return .more }
            rest.removeFirst(consumed)
            if (100...199).contains(head.status) {
                interimAnswers += 1
                guard interimAnswers < HTTPTunnel.mostInterimAnswers else {
                    return .refused(
                        TunnelFailure(reason: "sent \(interimAnswers) interim answers (RFC 9110 section 15.2)"))
                }
                if rest.isEmpty { return .more }
                continue
            }
            if (200...299).contains(head.status), !head.isCut { return opened(rest) }
            refusal = (head, RefusalBody(of: head, limit: RefusalBody.longest))
            return receiveBody(rest)
        }
    }

    /// In TLS and in HTTP the client speaks first, so nothing that follows can come from the server.
    private func opened(_ rest: [UInt8]) -> TunnelStep {
        if rest.isEmpty { return .open }
        return .refused(
            TunnelFailure(
                reason: "sent \(rest.count) bytes behind its answer to CONNECT, which no server can have sent yet"))
    }

    private mutating func receiveBody(_ bytes: [UInt8]) -> TunnelStep {
        refusal?.body.append(bytes)
        guard let refusal, refusal.body.isComplete else { return .more }
        return .refused(ended())
    }

    func ended() -> TunnelFailure {
        guard let (head, body) = refusal ?? parser.begun.map({ ($0, RefusalBody(of: $0, limit: 0)) }) else {
            return TunnelFailure(reason: "ended the connection before its answer to CONNECT")
        }
        let flaw = head.fault.map { "; its head: \($0.message)" } ?? ""
        let hint =
            head.status == 407
            ? " (it wants \(head.fields[.proxyAuthenticate] ?? "credentials"); give user and password in its URL, or as `credentials`)"
            : ""
        return TunnelFailure(
            reason: "answered CONNECT with \(head.status) \(head.reasonPhrase)\(hint)\(flaw)",
            response: .init(status: head.status, headers: head.fields, body: body.bytes))
    }
}

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
