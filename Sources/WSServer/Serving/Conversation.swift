internal import Actors
internal import HansomTransport
internal import WSConnection
internal import HansomHTTP
internal import WSProtocol

/// What is said on one accepted connection before it is a WebSocket, or instead: TLS, then requests and answers, one
/// after the other.
///
/// Here stands what it consists of and how it goes round; how it reads, answers and becomes a WebSocket is told in the
/// extensions.
final class Conversation: @unchecked Sendable {
    // Safety: used by the scheduler's thread only.

    /// Why it ends without a WebSocket.
    enum Ending: Error {
        /// The peer is gone, too slow, or was dropped.
        case lost(WebSocketError)
        /// The peer, or the server, wants no more of it.
        case over
        /// What came is refused, and so is all that follows.
        case refused(Refusal)
    }

    /// What happens when the server ends.
    enum Phase {
        /// A request is awaited, read, or asked about: the connection is dropped.
        case listening
        /// A route runs, or an answer is written: it may end.
        case answering
        /// All is said; the peer is to end too.
        case leaving(LingeringClose)
    }

    let scheduler: Scheduler
    let settings: ServerSettings
    /// The two ends: of the socket, or as the PROXY header says.
    var peer: SocketAddress?
    var local: SocketAddress?
    /// For whom it counts, where connections are counted by peer.
    var place: PeerAddress?
    /// Whether the client spoke TLS to the proxy that wrote the PROXY header.
    var isSecureAtProxy = false
    /// The origin that the client of the present request sees, where a trusted proxy says so.
    var externalOrigin: WebOrigin?
    let driver: StreamDriver
    let books: Bookkeeper
    /// What the books need to know of what is being said.
    var visit: Visit
    var reader: RequestReader
    var tls: TLSDetails?
    var phase = Phase.listening
    var isStopping = false
    /// Ends the hook or the route that is waited for.
    var abandonErrand: (() -> Void)?
    private(set) var requestCount = 0
    /// Whether the present request wants no content in its answer.
    private(set) var asksForHead = false
    private(set) var isDropped = false
    /// Whether it was dropped to make room for a newcomer.
    private(set) var isDisplaced = false
    /// While an answer is written: when the peer last took some of it.
    var takenAt: UInt64?
    /// The socket below, which knows whether the peer has said anything.
    let socket: SocketStream?
    /// Whether a request was answered and another may come: it counts as a connection then, not as a handshake.
    private(set) var isKept = false
    private let deadline: Alarm
    private var lateness = ""

    /// - Parameter received: what somebody else has read of the first request already.
    init(
        _ stream: any ByteStream, peer: SocketAddress?, local: SocketAddress?, received: [UInt8] = [],
        on scheduler: Scheduler, _ settings: ServerSettings, _ books: Bookkeeper
    ) {
        self.scheduler = scheduler
        self.settings = settings
        self.peer = peer
        self.local = local
        self.books = books
        socket = stream as? SocketStream
        visit = books.visit(from: peer)
        reader = RequestReader(limits: settings.options.headLimits, maxBodyBytes: settings.options.maxBodySize)
        reader.receive(received)
        driver = unsafe StreamDriver(
            stream, buffer: TransportResources.of(scheduler).readBuffer, phase: .handshake)
        deadline = Alarm {}
        deadline.action = { [unowned self] in driver.abort(WebSocketError(.timeout, lateness, phase: .handshake)) }
    }

    /// Carries it through. The connection has begun when this returns one; otherwise the peer was answered for the last
    /// time, or is gone.
    func run() async -> WebSocket? {
        defer { scheduler.disarm(deadline) }
        do {
            limit(settings.options.handshakeTimeout, "no handshake within \(settings.options.handshakeTimeout)")
            try await readProxyHeader()
            try await startTLS()
            while true {
                asksForHead = false
                let request = try await nextRequest()
                requestCount += 1
                asksForHead = request.head.method == .head
                if let connection = try await serve(request) { return connection }
                try await goOn()
            }
        } catch {
            await end(error)
            return nil
        }
    }

    /// The server shuts down: what is being answered is answered yet, all else is dropped.
    func stop() {
        isStopping = true
        switch phase {
        case .listening: abort()
        case .answering: return
        case .leaving(let close): close.end()
        }
    }

    /// How it stands when others want its place.
    var standing: HandshakeQueue.Standing {
        if isKept || isDropped { return .gone }
        if abandonErrand != nil || socket?.hasUnread == true { return .served }
        if let takenAt { return scheduler.time.nanoseconds < takenAt + 1_000_000_000 ? .served : .speaking }
        if case .answering = phase { return .served }
        return socket?.hasReceived == false ? .silent : .speaking
    }

    /// Drops it, so that a newcomer has its place.
    func makeRoom() {
        isDisplaced = true
        drop(WebSocketError(.closed, "dropped for a newcomer: there were too many handshakes", phase: .handshake))
    }

    /// Drops it, whatever it is at.
    func abort() { drop(WebSocketError(.closed, "the server is shutting down", phase: .handshake)) }

    private func drop(_ error: WebSocketError) {
        isDropped = true
        driver.abort(error)
        abandonErrand?()
        if case .leaving(let close) = phase { close.end() }
    }

    /// What comes next has so much time.
    func limit(_ time: Duration?, _ lateness: @autoclosure () -> String) {
        guard let time else { return scheduler.disarm(deadline) }
        self.lateness = lateness()
        scheduler.arm(deadline, after: time)
    }

    private func startTLS() async throws(Ending) {
        guard let context = settings.tls else { return }
        let scheduler = scheduler
        let stream = TLSStream(server: context, over: driver.stream) { scheduler.runHereLater($0) }
        do {
            tls = try await driver.startTLS(stream)
        } catch {
            // Who looks whether the port is open, as balancers do every second, has not failed at TLS.
            guard error.code == .tls, stream.isPeerSilent else { throw .lost(error) }
            throw .lost(WebSocketError(.connectionLost, "the peer ended the connection before it began TLS", phase: .tls))
        }
    }

    /// Another request may come.
    private func goOn() async throws(Ending) {
        phase = .listening
        if !isKept {
            isKept = true
            settings.load.handshakeIsKept()
        }
        // A peer that sends many requests at once must not keep all others waiting.
        await nextRound()
        if isStopping { throw .over }
    }

    private func nextRound() async {
        await unsafe withUnsafeContinuation { continuation in
            scheduler.runHereLater { unsafe continuation.resume() }
        }
    }

    private func end(_ ending: Ending) async {
        do throws(Ending) {
            switch ending {
            case .lost(let error):
                books.lost(error, isDisplaced: isDisplaced, &visit)
                driver.stream.close()
            case .over: await leave()
            case .refused(let refusal):
                try await write(Answer(refusal), keepsAlive: false, reason: refusal.reason)
                await leave()
            }
        } catch {
            driver.stream.close()
        }
    }

    /// Ends it so that what was said arrives: closing at once would reset a peer that is still sending.
    ///
    /// Until then it counts, or peers that are refused and stay could take more descriptors than the limits allow.
    private func leave() async {
        limit(nil, "")
        await withCheckedContinuation { continuation in
            phase = .leaving(
                LingeringClose.start(
                    driver.release(), last: [], on: scheduler, for: settings.options.closeTimeout,
                    whenDone: { continuation.resume() }))
        }
        phase = .listening
    }
}

/// Requests, as they come in.
extension Conversation {
    /// The next request's head.
    ///
    /// The first has what TLS left of `handshakeTimeout`; a later one is waited for, and from its first byte on has
    /// `handshakeTimeout` too. No byte on the way moves that.
    func nextRequest() async throws(Ending) -> IncomingRequest {
        if requestCount > 0, !reader.hasBegun {
            let time = settings.options.keepAliveTimeout
            limit(time, "no further request within \(time)")
            try await receive(mayEnd: true)
        }
        if requestCount > 0 { limitHead() }
        while true {
            // What was read before it was dropped is not served any more.
            if isDropped { throw .lost(WebSocketError(.closed, "it was dropped", phase: .handshake)) }
            do {
                if let request = try reader.nextHead() { return request }
            } catch {
                throw .refused(Refusal(error))
            }
            try await receive(mayEnd: true)
        }
    }

    /// The body of the request whose head came last, within `handshakeTimeout`.
    func body(of request: IncomingRequest) async throws(Ending) -> [UInt8] {
        guard request.hasBody else { return [] }
        limitHead()
        var mayInvite = request.expectsContinue
        while true {
            do {
                if let body = try reader.nextBody() { return body }
            } catch {
                throw .refused(Refusal(error))
            }
            // Whoever sends it already needs no invitation (RFC 9110 section 10.1.1).
            if mayInvite { try await invite() }
            mayInvite = false
            try await receive(mayEnd: false)
        }
    }

    private func invite() async throws(Ending) {
        try await send(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
        phase = .listening
        limitHead()
    }

    private func limitHead() {
        let time = settings.options.handshakeTimeout
        limit(time, "no whole request within \(time)")
    }

    private func receive(mayEnd: Bool) async throws(Ending) {
        let bytes: [UInt8]
        do {
            bytes = try await driver.read()
        } catch {
            throw .lost(error)
        }
        guard !bytes.isEmpty else {
            throw .lost(WebSocketError(.connectionLost, "the peer ended the connection", phase: .handshake))
        }
        reader.receive(bytes)
    }
}
