internal import Glibc
internal import HTTPTypes
internal import HansomHTTP
internal import HansomTransport
internal import WSConnection
internal import WSProtocol

/// One request on its way through a server, as a value: what is known of it, and what a server says to it by its own
/// rules.
///
/// It does no I/O and asks nobody: `HTTPConnection` does, step by step.
struct Exchange {
    /// What a request asks for.
    enum Target {
        /// A WebSocket, and its handshake is in order.
        case webSocket(WebSocketResource, Acceptance)
        /// A route's response.
        case responder(Resource.Responder)
        /// What the server says to it without asking the program.
        case settled(Outcome)
    }

    /// What comes of a request.
    enum Outcome {
        /// It breaks a rule; no further request follows on the connection.
        case refused(Refusal)
        /// It may not pass, as the authorisation hook says; no further request follows.
        case denied(ServerResponse)
        /// It is answered; another request may follow.
        case answered(ServerResponse)
        case webSocket(WebSocketResource, Acceptance)
    }

    let request: IncomingRequest
    /// The request as the hook and routes see it.
    var seen: WebSocket.Request
    /// Whether the client speaks TLS, to us or to the proxy in front.
    private let isTLS: Bool
    /// The origin that the client sees, where a trusted proxy says so.
    private let externalOrigin: WebOrigin?
    private var isBodyRead = false

    /// - Parameters:
    ///   - peer: the other end of the connection; what trusted proxies say of who asks is looked up here.
    ///   - isSecureAtProxy: whether the client spoke TLS to the proxy that wrote the PROXY header.
    init(
        _ request: IncomingRequest, from peer: SocketAddress?, tls: TLSDetails?, isSecureAtProxy: Bool,
        _ options: ServerOptions
    ) {
        self.request = request
        isTLS = tls != nil || isSecureAtProxy
        let trusted = TrustedProxies(ranges: options.trustedProxies, headers: options.forwardedHeaders)
        // Most servers trust none, and need no fields made of the head.
        let findings =
            trusted.ranges.isEmpty
            ? .init(clientAddress: peer) : trusted.judge(request.head.fields, peer: peer, isTLS: isTLS)
        externalOrigin = findings.externalOrigin
        seen = WebSocket.Request(request.head, peerAddress: peer, tls: tls)
        if findings.clientAddress != peer { seen.routing.forwarding = .init(clientAddress: findings.clientAddress) }
    }

    /// Whether the response is to have no content.
    var isToHead: Bool { request.head.method == .head }

    /// Whether another request may follow. None may when a body was not read: it would be taken for one.
    var mayKeepAlive: Bool { request.mayKeepAlive && (isBodyRead || !request.hasBody) }

    /// The body has come.
    mutating func take(_ body: [UInt8]) {
        seen.body = body
        isBodyRead = true
    }

    // MARK: What it asks for

    /// What the request asks for, among what the server has; it notes the parameters of the route.
    mutating func find(in settings: ServerSettings) -> Target {
        switch settings.resources {
        case .everyPath(let resource):
            if let refusal = targetRefusal ?? hostRefusal(settings.hosts) { return .settled(.refused(refusal)) }
            return handshake(for: resource)
        case .routes(let tree):
            if let refusal = targetRefusal ?? connectRefusal { return .settled(.refused(refusal)) }
            return find(in: tree, settings.hosts)
        }
    }

    private mutating func find(in tree: RouteTree<Resource>, _ hosts: AllowedHosts?) -> Target {
        let target = RequestTarget(request.head.target)
        if target.form == .asterisk {
            // Asked of the server as a whole, "a 'ping' or 'no-op' type of method" (RFC 9110 section 9.3.7).
            return .settled(.answered(ServerResponse(status: .noContent, headers: [.allow: "GET, HEAD, POST"])))
        }
        guard let segments = target.segments else {
            let reason = "path with dots, or with escapes that are none (RFC 9112 section 3.2)"
            return .settled(.refused(Refusal(status: 400, reason: reason)))
        }
        guard let match = tree.match(segments) else {
            return .settled(.answered(ServerResponse(status: .notFound, text: "not found\n")))
        }
        seen.routing.parameters = match.parameters
        return choose(at: match.place, hosts)
    }

    /// What of a resource the method and the fields ask for.
    private func choose(at resource: Resource, _ hosts: AllowedHosts?) -> Target {
        let (method, asksForWebSocket) = (request.head.method, request.head.asksForWebSocket)
        let responder = resource.responder(for: method)
        if responder?.isProbe != true || asksForWebSocket, let refusal = hostRefusal(hosts) {
            return .settled(.refused(refusal))
        }
        if let webSocket = resource.webSocket, method == .get, asksForWebSocket || responder == nil {
            return handshake(for: webSocket)
        }
        if let responder { return .responder(responder) }
        return .settled(
            .answered(
                ServerResponse(
                    status: .methodNotAllowed, headers: [.allow: resource.allowed], text: "method not allowed\n")))
    }

    private func handshake(for resource: WebSocketResource) -> Target {
        switch resource.evaluate(request.head, isTLS: isTLS, externalOrigin) {
        case .accept(let acceptance): .webSocket(resource, acceptance)
        case .refuse(let refusal): .settled(.refused(refusal))
        }
    }

    /// What comes of what a route returned: that response, or a WebSocket, if the request asks for one as it must.
    func outcome(of response: ServerResponse, _ options: ServerOptions) -> Outcome {
        guard case .upgrade(let handling, let own) = response.content else { return .answered(response) }
        let resource: WebSocketResource
        do {
            resource = try WebSocketResource(handling, own.applied(to: options))
        } catch {
            return .refused(.internalError)
        }
        switch resource.evaluate(request.head, isTLS: isTLS, externalOrigin) {
        case .accept(let acceptance): return .webSocket(resource, acceptance)
        case .refuse(let refusal): return .refused(refusal)
        }
    }

    // MARK: Rules for all requests

    /// Of a target that has none of the forms that there are, or asks for what only another server can give.
    private var targetRefusal: Refusal? {
        do throws(HeadError) {
            try request.head.checkTarget()
        } catch {
            return Refusal(error)
        }
        // "In particular, a request for an "https" resource MUST be rejected unless it has been received over a
        // connection that has been secured" (RFC 9110 section 7.4).
        if RequestTarget.isPath(request.head.target) { return nil }
        let target = RequestTarget(request.head.target)
        guard target.scheme == "https", target.form == .absolute, !isTLS, externalOrigin?.scheme != "https" else {
            return nil
        }
        return Refusal(
            status: 421, reason: "target is an https URL, and the connection without TLS (RFC 9110 section 7.4)")
    }

    private var connectRefusal: Refusal? {
        guard !RequestTarget.isPath(request.head.target), RequestTarget(request.head.target).form == .authority else {
            return nil
        }
        return Refusal(status: 501, reason: "CONNECT; this server is no proxy (RFC 9110 section 9.3.6)")
    }

    /// Of a request for a host that is none of the server's.
    private func hostRefusal(_ hosts: AllowedHosts?) -> Refusal? {
        guard let hosts else { return nil }
        let origin = externalOrigin ?? ServerHandshake.requestOrigin(request.head, isTLS: isTLS)
        if let origin, hosts.allow(origin) { return nil }
        let name = origin.map { "\($0)" } ?? "a request without a host"
        return Refusal(status: 421, reason: "\(name) is none of this server's hosts (RFC 9110 section 15.5.20)\n")
    }
}

/// A WebSocket as one path of a server offers it: who is let in, and what is run for it.
final class WebSocketResource: Sendable {
    let handling: ServerSettings.Handling
    let authorize: Authorization.Hook?
    let connection: ConnectionOptions
    private let rules: ServerHandshake.Rules

    /// - Throws: `.invalidConfiguration` for options that nobody could be served with.
    init(_ handling: ServerSettings.Handling, _ options: ServerOptions) throws(WebSocketError) {
        try options.check()
        if options.receivesInPieces, handling.takesMessages {
            throw WebSocketError(
                .invalidConfiguration,
                "receivesInPieces with a handler of whole messages (onMessage, onMessageView); give one that takes recvStream"
            )
        }
        self.handling = handling
        authorize = options.authorize
        connection = ConnectionOptions(
            limits: options.limits, recvTimeout: options.recvTimeout, closeTimeout: options.closeTimeout,
            timing: options.timing, receivesInPieces: options.receivesInPieces)
        rules = ServerHandshake.Rules(
            origin: options.origins, subprotocols: options.subprotocols, compression: options.compression)
    }

    /// Judges a request by the rules of the protocol and of this path.
    ///
    /// - Parameter origin: what the client sees, where a trusted proxy says so.
    func evaluate(_ head: RequestHead, isTLS: Bool, _ origin: WebOrigin?) -> ServerHandshake.Verdict {
        ServerHandshake.evaluate(head, rules: rules, isTLS: isTLS, externalOrigin: origin)
    }
}

extension Refusal {
    static let internalError = Refusal(status: 500, reason: "internal error\n")
}

extension ServerResponse {
    /// The hook or the route took too long.
    static func late(_ time: Duration) -> ServerResponse {
        ServerResponse(status: .serviceUnavailable, text: "no answer within \(time)\n")
    }

    /// This, unless its status ends no exchange.
    var orInternalError: ServerResponse {
        200...599 ~= status.code ? self : ServerResponse(status: .internalServerError, text: "internal error\n")
    }

    /// Whether it says that the connection ends with it.
    var asksForEnd: Bool { headers[.connection]?.lowercased().contains("close") == true }
}

extension OutgoingResponse {
    /// "An origin server with a clock MUST generate a Date header field" (RFC 9110 section 6.6.1).
    var dated: OutgoingResponse {
        guard fields[.date] == nil else { return self }
        var dated = self
        dated.fields[.date] = CalendarTime(secondsSince1970: Int64(time(nil))).http
        return dated
    }
}
