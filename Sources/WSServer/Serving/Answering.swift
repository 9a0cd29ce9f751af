internal import Actors
internal import Glibc
internal import HansomTransport
internal import HTTPTypes
internal import WSConnection
internal import HansomHTTP
internal import WSProtocol

/// Answers, and who makes them.
extension Conversation {
    /// Answers a request, or returns the WebSocket that it has become.
    func serve(_ request: IncomingRequest) async throws(Ending) -> WebSocket? {
        limit(nil, "")
        var seen = WebSocket.Request(request.head, peerAddress: peer, tls: tls)
        let findings = believe(request)
        if findings.clientAddress != peer { seen.routing.forwarding = .init(clientAddress: findings.clientAddress) }
        externalOrigin = findings.externalOrigin
        visit.client = findings.clientAddress
        books.came(request.head, &visit)
        try checkTarget(request)
        switch settings.service {
        case .everyPath(let service):
            try checkHost(of: request)
            return try await open(request, seen, service)
        case .routes(let tree):
            guard let match = try await find(request, in: tree) else { return nil }
            seen.routing.parameters = match.parameters
            return try await serve(request, seen, match.place)
        }
    }

    /// Refuses a target that has none of the forms that there are, or asks for what only another server can give.
    private func checkTarget(_ request: IncomingRequest) throws(Ending) {
        let target = RequestTarget(request.head.target)
        do throws(HeadError) {
            try request.head.checkTarget()
        } catch {
            throw .refused(Refusal(error))
        }
        // "In particular, a request for an "https" resource MUST be rejected unless it has been received over a connection
        // that has been secured" (RFC 9110 section 7.4).
        if target.scheme == "https", target.form == .absolute, tls == nil, !isSecureAtProxy,
            externalOrigin?.scheme != "https"
        {
            throw .refused(
                Refusal(
                    status: 421, reason: "target is an https URL, and the connection without TLS (RFC 9110 section 7.4)"
                ))
        }
        guard case .routes = settings.service else { return }
        if target.form == .authority {
            throw .refused(Refusal(status: 501, reason: "CONNECT; this server is no proxy (RFC 9110 section 9.3.6)"))
        }
    }

    /// What stands at the request's path; `nil` after the answer that there is nothing.
    private func find(
        _ request: IncomingRequest, in tree: RouteTree<Resource>
    ) async throws(Ending) -> RouteTree<Resource>.Match? {
        let target = RequestTarget(request.head.target)
        if target.form == .asterisk {
            // Asked of the server as a whole, "a 'ping' or 'no-op' type of method" (RFC 9110 section 9.3.7).
            try await answer(
                request, ServerResponse(status: .noContent, headers: [.allow: "GET, HEAD, POST"]), isBodyRead: false)
            return nil
        }
        guard let segments = target.segments else {
            throw .refused(
                Refusal(status: 400, reason: "path with dots, or with escapes that are none (RFC 9112 section 3.2)"))
        }
        if let match = tree.match(segments) { return match }
        try await answer(request, ServerResponse(status: .notFound, text: "not found\n"), isBodyRead: false)
        return nil
    }

    private func serve(
        _ request: IncomingRequest, _ seen: WebSocket.Request, _ resource: Resource
    ) async throws(Ending) -> WebSocket? {
        let method = request.head.method
        let responder = resource.responder(for: method)
        if responder?.isProbe != true || request.head.asksForWebSocket { try checkHost(of: request) }
        if let service = resource.webSocket, method == .get, request.head.asksForWebSocket || responder == nil {
            return try await open(request, seen, service)
        }
        guard let responder else {
            let response = ServerResponse(
                status: .methodNotAllowed, headers: [.allow: resource.allowed], text: "method not allowed\n")
            try await answer(request, response, isBodyRead: false)
            return nil
        }
        var seen = seen
        try await authorize(&seen, request, responder.authorize.or(settings.options.authorize))
        seen.body = try await body(of: request)
        let response = try await response(to: seen, from: responder)
        guard case .upgrade(let handling, let options) = response.content else {
            try await answer(request, response, isBodyRead: true)
            return nil
        }
        return try await open(request, seen, handling, options)
    }

    private func response(
        to request: WebSocket.Request, from responder: Resource.Responder
    ) async throws(Ending) -> ServerResponse {
        // The body has come: from here on the time is the route's.
        limit(nil, "")
        phase = .answering
        switch responder.make {
        case .server(let make): return await make(settings)
        case .handler(let handler):
            let time = settings.options.routeTimeout
            return try await wait("route \(request.method) \(request.path)", time) { try await handler(request) }
                ?? ServerResponse(status: .serviceUnavailable, text: "no answer within \(time)\n")
        }
    }

    /// Asks the hook, if there is one; what it attaches goes into `seen`.
    func authorize(
        _ seen: inout WebSocket.Request, _ request: IncomingRequest, _ hook: Authorization.Hook?
    ) async throws(Ending) {
        guard let hook else { return }
        limit(nil, "")
        let time = settings.options.authorizeTimeout
        let asked = seen
        let verdict = try await wait("authorisation of \(seen.path)", time) { try await hook(asked) }?.verdict
        switch verdict {
        case .accept(let value): seen.routing.value = value
        case .refuse(let response): throw try await refuse(request, response)
        case nil:
            throw try await refuse(
                request, ServerResponse(status: .serviceUnavailable, text: "no answer within \(time)\n"))
        }
    }

    /// Runs what the program gave; `nil` when it took too long. An error in it is answered with 500.
    private func wait<Value: Sendable>(
        _ label: String, _ time: Duration, _ work: @escaping @Sendable () async throws -> Value
    ) async throws(Ending) -> Value? {
        let errand = Errand<Value>(watching: driver.stream, holding: reader.heldCount, on: scheduler)
        abandonErrand = { errand.abandon() }
        let outcome = await errand.run(label, within: time, work)
        abandonErrand = nil
        reader.receive(errand.received)
        switch outcome {
        case .value(let value): return value
        case .late: return nil
        case .failed: throw .refused(Refusal(status: 500, reason: "internal error\n"))
        case .peerLost:
            throw .lost(WebSocketError(.connectionLost, "the peer reset the connection", phase: .handshake))
        }
    }

    // MARK: Writing

    /// Answers, for the last time.
    private func refuse(_ request: IncomingRequest, _ response: ServerResponse) async throws(Ending) -> Ending {
        try await answer(request, response, isBodyRead: false, mayGoOn: false)
        return .over
    }

    /// Answers.
    ///
    /// - Throws: `.over` when no further request may come. None may when a body was not read: it would be taken for one.
    func answer(
        _ request: IncomingRequest, _ response: ServerResponse, isBodyRead: Bool, mayGoOn: Bool = true
    ) async throws(Ending) {
        var response = response
        if !(200...599 ~= response.status.code) {
            response = ServerResponse(status: .internalServerError, text: "internal error\n")
        }
        let asksForEnd = response.headers[.connection]?.lowercased().contains("close") == true
        let keepsAlive =
            mayGoOn && request.mayKeepAlive && (isBodyRead || !request.hasBody) && !asksForEnd && !isStopping
            && requestCount < settings.options.maxRequestsPerConnection
        if case .pieces(let pieces) = response.content {
            try await write(response, pieces, keepsAlive: keepsAlive)
        } else {
            let answer = Answer(status: response.status.code, fields: response.headers, body: response.body)
            try await write(answer, keepsAlive: keepsAlive)
        }
        if !keepsAlive { throw .over }
    }

    /// Answers the present request. "An origin server with a clock MUST generate a Date header field" (RFC 9110 section
    /// 6.6.1).
    ///
    /// - Parameter reason: why it is a refusal of the server's own, for its log.
    func write(_ answer: Answer, keepsAlive: Bool, reason: String? = nil) async throws(Ending) {
        books.answered(answer.status, bytes: answer.body.count, reason, &visit)
        try await send(dated(answer).bytes(isToHead: asksForHead, keepsAlive: keepsAlive))
    }

    private func dated(_ answer: Answer) -> Answer {
        var answer = answer
        if answer.fields[.date] == nil {
            answer.fields[.date] = CalendarTime(secondsSince1970: Int64(time(nil))).http
        }
        return answer
    }

    /// Answers with content that is fetched as the peer takes it.
    ///
    /// The next piece is fetched when there is room for it: a peer that takes nothing keeps none in memory.
    private func write(_ response: ServerResponse, _ pieces: AnswerPieces, keepsAlive: Bool) async throws(Ending) {
        let answer = Answer(status: response.status.code, fields: response.headers, body: [], length: pieces.length)
        var sent = 0
        defer { books.answered(answer.status, bytes: sent, nil, &visit) }
        driver.stream.boundUnsent(to: AnswerPieces.size)
        try await send(dated(answer).bytes(isToHead: asksForHead, keepsAlive: keepsAlive))
        while sent < pieces.length, !asksForHead {
            try await sending { driver throws(WebSocketError) in try await driver.waitUntilWritable() }
            let piece = try await fetch(pieces, at: sent)
            try await send(piece)
            sent += piece.count
        }
    }

    private func fetch(_ pieces: AnswerPieces, at offset: Int) async throws(Ending) -> [UInt8] {
        limit(nil, "")
        do {
            return try await pieces.piece(offset, min(AnswerPieces.size, pieces.length - offset))
        } catch {
            // The length was promised: nothing but the end of the connection can say that this is not all.
            throw .lost(
                WebSocketError(.connectionLost, "the content of an answer ended early: \(error)", phase: .handshake))
        }
    }

    /// Writes; a peer that takes nothing for `writeTimeout` is cut.
    func send(_ bytes: [UInt8]) async throws(Ending) {
        try await sending { driver throws(WebSocketError) in try await driver.write(bytes) }
    }

    private func sending(_ step: (StreamDriver) async throws(WebSocketError) -> Void) async throws(Ending) {
        phase = .answering
        let time = settings.options.writeTimeout
        limit(time, "nothing was taken within \(time ?? .zero)")
        takenAt = scheduler.time.nanoseconds
        driver.onProgress = { [unowned self] in
            takenAt = scheduler.time.nanoseconds
            limit(time, "nothing was taken within \(time ?? .zero)")
        }
        defer { (driver.onProgress, takenAt) = (nil, nil) }
        do {
            try await step(driver)
        } catch {
            throw .lost(error)
        }
    }
}

/// The end of the requests: a WebSocket.
extension Conversation {
    /// Judges a request, asks the hook, and opens a WebSocket.
    func open(
        _ request: IncomingRequest, _ seen: WebSocket.Request, _ service: WebSocketService
    ) async throws(Ending) -> WebSocket? {
        var seen = seen
        let acceptance = try await judge(request, service)
        try await authorize(&seen, request, service.authorize)
        return try await open(request, seen, service, acceptance)
    }

    /// The same from inside a route, before which the hook was asked.
    func open(
        _ request: IncomingRequest, _ seen: WebSocket.Request, _ handling: ServerSettings.Handling,
        _ options: RouteOptions
    ) async throws(Ending) -> WebSocket? {
        let service: WebSocketService
        do {
            service = try WebSocketService(handling, options.applied(to: settings.options))
        } catch {
            throw .refused(Refusal(status: 500, reason: "internal error\n"))
        }
        let acceptance = try await judge(request, service)
        return try await open(request, seen, service, acceptance)
    }

    private func judge(_ request: IncomingRequest, _ service: WebSocketService) async throws(Ending) -> Acceptance {
        switch service.evaluate(request.head, isTLS: tls != nil || isSecureAtProxy, externalOrigin) {
        case .accept(let acceptance): return acceptance
        case .refuse(let refusal):
            try await write(Answer(refusal), keepsAlive: false, reason: refusal.reason)
            throw .over
        }
    }

    private func open(
        _ request: IncomingRequest, _ seen: WebSocket.Request, _ service: WebSocketService, _ acceptance: Acceptance
    ) async throws(Ending) -> WebSocket {
        try await send(acceptance.responseBytes)
        limit(nil, "")
        let description = ConnectionDescription(
            peerAddress: peer, localAddress: local, subprotocol: acceptance.subprotocol,
            extensions: acceptance.extensions.map(\.description), tls: tls,
            routing: seen.routing.isEmpty ? nil : seen.routing, head: request.bytes)
        let connection = WebSocket(
            stream: driver.release(), scheduler: scheduler, role: .server, options: service.connection,
            compression: acceptance.compression, budget: settings.load.inbound, description: description)
        let rest = reader.takeRest()
        books.opened(connection, &visit) {
            connection.onOwnThread { connection in
                switch service.handling {
                case .perConnection(let handler): connection.start(handler)
                case .perMessage(let handler): connection.setMessageHandler(handler)
                }
                connection.begin(leftover: rest)
            }
        }
        return connection
    }
}

/// Whom the server believes to speak to: what stands in front of the bytes, and what trusted proxies say in a request.
extension Conversation {
    /// Reads the PROXY header, where one is to come; before TLS, since the proxy writes it before the client's bytes.
    ///
    /// No more is read than belongs to it: what follows may be TLS, which reads for itself.
    func readProxyHeader() async throws(Ending) {
        let allowed = settings.options.proxyProtocol
        guard !allowed.isEmpty else { return }
        guard allowed.covers(peer) else {
            let who = peer?.description ?? "a peer without an address"
            throw .lost(proxyFault("PROXY protocol: \(who) may not speak it here"))
        }
        var parser = ProxyHeaderParser()
        while true {
            let bytes = try await read(atMost: parser.leastMissing)
            let header: ProxyHeader?
            do {
                header = try parser.parse(bytes).header
            } catch {
                throw .lost(proxyFault(error.description))
            }
            if let header { return try heed(header) }
        }
    }

    private func read(atMost count: Int) async throws(Ending) -> [UInt8] {
        let bytes: [UInt8]
        do {
            bytes = try await driver.read(atMost: count)
        } catch {
            throw .lost(error)
        }
        guard !bytes.isEmpty else {
            throw .lost(proxyFault("PROXY protocol: the peer ended the connection within its header"))
        }
        return bytes
    }

    private func proxyFault(_ message: String) -> WebSocketError {
        WebSocketError(.proxy, message, phase: .proxy)
    }

    private func heed(_ header: ProxyHeader) throws(Ending) {
        isSecureAtProxy = header.isSecure == true
        // What the proxy says is not said by the client.
        socket?.hasReceived = false
        guard let ends = header.ends else { return }
        (peer, local, visit.client) = (ends.source, ends.destination, ends.source)
        guard settings.load.countsPeers, let client = PeerAddress(ends.source) else { return }
        guard settings.load.admit(client) else {
            // It is counted as one that was turned away, and not as a handshake.
            visit.isCounted = true
            throw .lost(WebSocketError(.closed, "the client has as many connections as it may", phase: .proxy))
        }
        place = client
    }

    /// Refuses a request for a host that is none of the server's.
    func checkHost(of request: IncomingRequest) throws(Ending) {
        guard let hosts = settings.hosts else { return }
        let isTLS = tls != nil || isSecureAtProxy
        let origin = externalOrigin ?? ServerHandshake.requestOrigin(request.head, isTLS: isTLS)
        if let origin, hosts.allow(origin) { return }
        let name = origin.map { "\($0)" } ?? "a request without a host"
        throw .refused(
            Refusal(status: 421, reason: "\(name) is none of this server's hosts (RFC 9110 section 15.5.20)\n"))
    }

    /// What trusted proxies say of a request, once its head has come.
    func believe(_ request: IncomingRequest) -> TrustedProxies.Findings {
        let trusted = TrustedProxies(
            ranges: settings.options.trustedProxies, headers: settings.options.forwardedHeaders)
        return trusted.judge(request.head.fields, peer: peer, isTLS: tls != nil || isSecureAtProxy)
    }
}
