internal import Actors
internal import HansomHTTP
internal import HansomTransport
internal import WSConnection
internal import WSProtocol

/// An accepted connection before it is a WebSocket, or instead of that: TLS, then one exchange after the other.
///
/// Each exchange goes one way: the next request, what it asks for (`find`), whether it may pass (`authorize`), what
/// comes of it (`respond`), and that carried out (`carryOut`): then comes the next exchange, or there is a WebSocket,
/// or it is over.
final class HTTPConnection: @unchecked Sendable {
    // Safety: used by the scheduler's thread only.

    /// What follows an exchange.
    private enum Next {
        /// Another request may come.
        case exchange
        /// The peer was answered for the last time.
        case end
        case webSocket(WebSocket)
    }

    /// What came of asking the program.
    private typealias Awaited<Value: Sendable> = AwaitedProcess<Value>.Outcome

    /// How far the first exchange came without a task.
    private enum Begun {
        case nothing
        case malformed(HeadError)
        /// What the request asks for is known.
        case found(Exchange, Exchange.Target)
        /// It becomes a WebSocket, once the rest of the answer is sent.
        case granted(WebSocketResource, Acceptance, Exchange, rest: [UInt8])
    }

    let scheduler: Scheduler
    private let settings: ServerSettings
    private let stream: HTTPStream
    private let books: Bookkeeper
    private var entry: BookEntry
    /// The two ends: of the socket, or as the PROXY header says.
    private var peer: SocketAddress?
    private var local: SocketAddress?
    /// For whom it counts, where connections are counted by peer.
    private(set) var place: PeerAddress?
    /// Whether the client spoke TLS to the proxy that wrote the PROXY header.
    private var isSecureAtProxy = false
    private var requestCount = 0
    private var begun = Begun.nothing
    private var isLimited = false
    /// Ends the hook or the route that is waited for.
    private var abandonProcess: (() -> Void)?
    private var isStopping = false
    /// Whether it was dropped to make room for a newcomer.
    private(set) var isDisplaced = false
    /// Whether a request was answered and another may come: it counts as a connection then, not as a handshake.
    private(set) var isKept = false

    /// - Parameters:
    ///   - place: for whom it counts, as far as that is known.
    ///   - received: what somebody else has read of the first request already.
    init(
        _ stream: any ByteStream, peer: SocketAddress?, local: SocketAddress?, place: PeerAddress? = nil,
        received: [UInt8] = [], on scheduler: Scheduler, _ settings: ServerSettings, _ books: Bookkeeper
    ) {
        self.scheduler = scheduler
        self.settings = settings
        self.peer = peer
        self.local = local
        self.place = place
        self.books = books
        entry = books.entry(of: peer)
        self.stream = HTTPStream(stream, received: received, on: scheduler, settings)
    }

    private var options: ServerOptions { settings.options }

    // MARK: Without a task

    /// Waits for the first request without a task, whose memory would cost as much as all else, if nothing comes before
    /// that.
    ///
    /// - Parameter action: is called once, when something has come, or it is dropped.
    /// - Returns: whether it does; otherwise `run` is to be called at once.
    func waitsWithoutTask(_ action: @escaping () -> Void) -> Bool {
        guard settings.tls == nil, options.proxyProtocol.isEmpty else { return false }
        limitHandshake()
        stream.whenTold(action)
        return true
    }

    /// Takes the first request, and lets it become a WebSocket, if all of that can be done at once: it has come whole, no
    /// hook is asked, and the peer takes the answer. Nearly always it can.
    ///
    /// - Returns: `nil`: `run` is to be called, and goes on from here.
    func proceedAtOnce() -> WebSocket? {
        switch stream.requestAtOnce() {
        case nil: return nil
        case .failure(let error)?: begun = .malformed(error)
        case .success(let request)?:
            var exchange = begin(request)
            let target = exchange.find(in: settings)
            guard case .webSocket(let resource, let acceptance) = target, resource.authorize == nil else {
                begun = .found(exchange, target)
                return nil
            }
            let rest = stream.sendAtOnce(acceptance.responseBytes)
            if rest.isEmpty { return become(resource, acceptance, exchange) }
            begun = .granted(resource, acceptance, exchange, rest: Array(rest))
        }
        return nil
    }

    func listenNoMore() { stream.listenNoMore() }

    /// The PROXY header, TLS and the first head have so much time together, from the first on.
    private func limitHandshake() {
        if isLimited { return }
        isLimited = true
        stream.limitHandshake()
    }

    /// Carries it through. The WebSocket has begun when this returns one; otherwise the peer was answered for the last
    /// time, or is gone.
    func run() async -> WebSocket? {
        defer { stream.liftLimit() }
        do throws(WebSocketError) {
            limitHandshake()
            try await readProxyHeader()
            if let context = settings.tls { try await stream.startTLS(context) }
            while true {
                switch try await exchange() {
                case .exchange: if await mayGoOn() { continue }
                case .end: break
                case .webSocket(let connection): return connection
                }
                // Until the peer ends too it counts, or peers that are refused and stay could take more descriptors
                // than the limits allow.
                await stream.leave()
                return nil
            }
        } catch {
            books.lost(error, isDisplaced: isDisplaced, &entry)
            stream.close()
            return nil
        }
    }

    /// One request, and what comes of it.
    private func exchange() async throws(WebSocketError) -> Next {
        var begun = Begun.nothing
        swap(&begun, &self.begun)
        // It may have been dropped since that was begun.
        if let dropped = stream.dropped { throw dropped }
        switch begun {
        case .nothing:
            switch try await stream.nextRequest(isFirst: requestCount == 0) {
            case .failure(let error): return try await refuse(error)
            case .success(let request):
                var exchange = begin(request)
                let target = exchange.find(in: settings)
                return try await go(on: exchange, to: target)
            }
        case .malformed(let error): return try await refuse(error)
        case .found(let exchange, let target): return try await go(on: exchange, to: target)
        case .granted(let resource, let acceptance, let exchange, let rest):
            try await stream.send(rest)
            return .webSocket(become(resource, acceptance, exchange))
        }
    }

    private func refuse(_ error: HeadError) async throws(WebSocketError) -> Next {
        try await refuse(Refusal(error), isToHead: false)
        return .end
    }

    private func go(on exchange: Exchange, to target: Exchange.Target) async throws(WebSocketError) -> Next {
        var exchange = exchange
        let outcome = try await outcome(of: &exchange, target)
        return try await carryOut(outcome, of: exchange)
    }

    private func outcome(
        of exchange: inout Exchange, _ target: Exchange.Target
    ) async throws(WebSocketError) -> Exchange.Outcome {
        switch target {
        case .settled(let outcome): return outcome
        case .webSocket(let resource, let acceptance):
            if let denial = try await authorize(&exchange, resource.authorize) { return denial }
            return .webSocket(resource, acceptance)
        case .responder(let responder):
            if let denial = try await authorize(&exchange, responder.authorize.or(options.authorize)) { return denial }
            return try await respond(to: &exchange, from: responder)
        }
    }

    /// A request's head has come.
    private func begin(_ request: IncomingRequest) -> Exchange {
        requestCount += 1
        stream.liftLimit()
        let exchange = Exchange(request, from: peer, tls: stream.tls, isSecureAtProxy: isSecureAtProxy, options)
        entry.client = exchange.seen.clientAddress
        books.came(request.head, &entry)
        return exchange
    }

    // MARK: Asking the program

    /// Asks the hook, if there is one; what it attaches goes along with the request.
    ///
    /// - Returns: `nil` when the request may pass.
    private func authorize(
        _ exchange: inout Exchange, _ hook: Authorization.Hook?
    ) async throws(WebSocketError) -> Exchange.Outcome? {
        guard let hook else { return nil }
        stream.liftLimit()
        let (asked, time) = (exchange.seen, options.authorizeTimeout)
        switch try await awaiting("authorisation of \(asked.path)", time, { try await hook(asked) }) {
        case .value(let authorization):
            switch authorization.verdict {
            case .accept(let value):
                exchange.seen.routing.value = value
                return nil
            case .refuse(let response): return .denied(response)
            }
        case .late: return .denied(.late(time))
        case .failed: return .refused(.internalError)
        }
    }

    /// Reads the body, and has the response made.
    private func respond(
        to exchange: inout Exchange, from responder: Resource.Responder
    ) async throws(WebSocketError) -> Exchange.Outcome {
        switch try await stream.body(of: exchange.request) {
        case .success(let body): exchange.take(body)
        case .failure(let error): return .refused(Refusal(error))
        }
        // From here on the time is the route's.
        stream.liftLimit()
        stream.isAnswering(true)
        switch responder.make {
        case .server(let make): return exchange.outcome(of: await make(settings), options)
        case .handler(let handler):
            let (asked, time) = (exchange.seen, options.routeTimeout)
            switch try await awaiting("route \(asked.method) \(asked.path)", time, { try await handler(asked) }) {
            case .value(let response): return exchange.outcome(of: response, options)
            case .late: return .answered(.late(time))
            case .failed: return .refused(.internalError)
            }
        }
    }

    /// Runs what the program gave, as a process, and waits for it.
    private func awaiting<Value: Sendable>(
        _ label: String, _ time: Duration, _ work: @escaping @Sendable () async throws -> Value
    ) async throws(WebSocketError) -> Awaited<Value> {
        let process = stream.awaitedProcess(of: Value.self)
        abandonProcess = { process.abandon() }
        defer { abandonProcess = nil }
        let outcome = try await process.run(label, within: time, work)
        stream.receive(process.received)
        return outcome
    }

    // MARK: What comes of it

    private func carryOut(
        _ outcome: Exchange.Outcome, of exchange: Exchange
    ) async throws(WebSocketError) -> Next {
        switch outcome {
        case .refused(let refusal):
            try await refuse(refusal, isToHead: exchange.isToHead)
            return .end
        case .denied(let response):
            try await answer(response.orInternalError, exchange, keepsAlive: false)
            return .end
        case .answered(let response):
            let response = response.orInternalError
            let keepsAlive =
                exchange.mayKeepAlive && !response.asksForEnd && !isStopping
                && requestCount < options.maxRequestsPerConnection
            try await answer(response, exchange, keepsAlive: keepsAlive)
            return keepsAlive ? .exchange : .end
        case .webSocket(let resource, let acceptance):
            try await stream.send(acceptance.responseBytes)
            return .webSocket(become(resource, acceptance, exchange))
        }
    }

    /// Answers with why not. No further request is read: what is refused may be framed otherwise than it seems.
    private func refuse(_ refusal: Refusal, isToHead: Bool) async throws(WebSocketError) {
        let response = OutgoingResponse(refusal)
        books.answered(response.status, bytes: response.body.count, refusal.reason, &entry)
        try await stream.send(response.dated.bytes(isToHead: isToHead, keepsAlive: false))
    }

    private func answer(_ response: ServerResponse, _ exchange: Exchange, keepsAlive: Bool) async throws(WebSocketError)
    {
        if case .pieces(let pieces) = response.content {
            return try await send(pieces, of: response, exchange, keepsAlive: keepsAlive)
        }
        let outgoing = OutgoingResponse(status: response.status.code, fields: response.headers, body: response.body)
        books.answered(outgoing.status, bytes: outgoing.body.count, nil, &entry)
        try await stream.send(outgoing.dated.bytes(isToHead: exchange.isToHead, keepsAlive: keepsAlive))
    }

    /// Answers with content that is fetched as the peer takes it.
    ///
    /// The next piece is fetched when there is room for it: a peer that takes nothing keeps none in memory.
    private func send(
        _ pieces: ResponsePieces, of response: ServerResponse, _ exchange: Exchange, keepsAlive: Bool
    ) async throws(WebSocketError) {
        let head = OutgoingResponse(
            status: response.status.code, fields: response.headers, body: [], length: pieces.length)
        var sent = 0
        defer { books.answered(head.status, bytes: sent, nil, &entry) }
        stream.boundUnsent(to: ResponsePieces.size)
        try await stream.send(head.dated.bytes(isToHead: exchange.isToHead, keepsAlive: keepsAlive))
        while sent < pieces.length, !exchange.isToHead {
            try await stream.waitUntilWritable()
            stream.liftLimit()
            let piece = try await pieces.fetch(at: sent)
            try await stream.send(piece)
            sent += piece.count
        }
    }

    /// Becomes the WebSocket that was granted, and starts its handler.
    private func become(_ resource: WebSocketResource, _ acceptance: Acceptance, _ exchange: Exchange) -> WebSocket {
        stream.liftLimit()
        let routing = exchange.seen.routing
        let description = ConnectionDescription(
            peerAddress: peer, localAddress: local, subprotocol: acceptance.subprotocol,
            extensions: acceptance.extensions.map(\.description), tls: stream.tls,
            routing: routing.isEmpty ? nil : routing, head: exchange.request.bytes)
        let (bytes, rest) = stream.release()
        let connection = WebSocket(
            stream: bytes, scheduler: scheduler, role: .server, options: resource.connection,
            compression: acceptance.compression, budget: settings.load.inbound, description: description)
        let handling = resource.handling
        books.opened(connection, &entry) {
            connection.onOwnThread { connection in
                switch handling {
                case .perConnection(let handler): connection.start(handler)
                case .perMessage(let handler): connection.setMessageHandler(handler)
                case .perMessageView(let handler): connection.setMessageViewHandler(handler)
                }
                connection.begin(leftover: rest)
            }
        }
        return connection
    }

    /// The peer was answered and may ask again, unless the server ends.
    private func mayGoOn() async -> Bool {
        stream.isAnswering(false)
        if !isKept {
            isKept = true
            settings.load.handshakeIsKept()
        }
        // A peer that sends many requests at once must not keep all others waiting.
        await nextTurn()
        return !isStopping
    }

    private func nextTurn() async {
        let gate = Gate()
        scheduler.runHereLater { [scheduler] in gate.open(on: scheduler) }
        await gate.pass(on: scheduler)
    }
}

/// Who stands in front of the client.
extension HTTPConnection {
    /// Reads the PROXY header, where one is to come.
    private func readProxyHeader() async throws(WebSocketError) {
        let allowed = options.proxyProtocol
        guard !allowed.isEmpty else { return }
        guard allowed.covers(peer) else {
            let who = peer?.description ?? "a peer without an address"
            throw .proxyHeader("PROXY protocol: \(who) may not speak it here")
        }
        let header = try await stream.readProxyHeader()
        isSecureAtProxy = header.isSecure == true
        // What the proxy says is not said by the client.
        stream.socket?.hasReceived = false
        guard let ends = header.ends else { return }
        (peer, local, entry.client) = (ends.source, ends.destination, ends.source)
        try count(ends.source)
    }

    /// Counts it for the client, where connections are counted so.
    private func count(_ client: SocketAddress) throws(WebSocketError) {
        guard settings.load.countsPeers, let client = PeerAddress(client) else { return }
        guard settings.load.admit(client) else {
            // It is counted as one that was turned away, and not as a handshake.
            entry.isCounted = true
            throw WebSocketError(.closed, "the client has as many connections as it may", phase: .proxy)
        }
        place = client
    }
}

/// Its end from outside.
extension HTTPConnection {
    /// How it stands when others want its place.
    var standing: HandshakeQueue.Standing {
        if isKept || stream.isDropped { return .gone }
        // A request that has come whole waits for us.
        guard case .nothing = begun, abandonProcess == nil else { return .served }
        return stream.standing
    }

    /// The server shuts down: what is being answered is answered yet, all else is dropped.
    func stop() {
        isStopping = true
        switch stream.phase {
        case .listening:
            // A part of the 101 has been sent.
            if case .granted = begun { return }
            abort()
        case .answering: return
        case .leaving: stream.endLeaving()
        }
    }

    /// Drops it, so that a newcomer has its place.
    func makeRoom() {
        isDisplaced = true
        drop(WebSocketError(.closed, "dropped for a newcomer: there were too many handshakes", phase: .handshake))
    }

    /// Drops it, whatever it is at.
    func abort() { drop(WebSocketError(.closed, "the server is shutting down", phase: .handshake)) }

    private func drop(_ error: WebSocketError) {
        stream.drop(error)
        abandonProcess?()
    }
}
