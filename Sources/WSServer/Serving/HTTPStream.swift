internal import Actors
internal import HansomHTTP
internal import HansomTransport
internal import WSConnection

/// The bytes of one accepted connection as HTTP reads and writes them, within deadlines: a PROXY header, TLS, requests,
/// and the bytes of responses.
///
/// What it throws is the end of the connection: the peer is gone or too slow, or was dropped. What a peer says wrongly
/// is returned, since it is answered.
final class HTTPStream: @unchecked Sendable {
    // Safety: used by the scheduler's thread only.

    /// What it is at, which decides what becomes of it when the server ends.
    enum Phase {
        /// A request is awaited, read, or asked about: the connection is dropped.
        case listening
        /// A route runs, or a response is written: it may end.
        case answering
        /// All is said; the peer is to end too.
        case leaving(LingeringClose)
    }

    private(set) var phase = Phase.listening
    private(set) var tls: TLSDetails?
    var isDropped: Bool { dropped != nil }
    /// Why it was dropped.
    private(set) var dropped: WebSocketError?
    /// The socket below, which knows whether the peer has said anything.
    let socket: SocketStream?
    private let scheduler: Scheduler
    private let settings: ServerSettings
    private let driver: StreamDriver
    private var reader: RequestReader
    /// While a response is written: when the peer last took some of it.
    private var takenAt: UInt64?
    private let deadline: Alarm
    private var lateness = Lateness.handshake

    /// What has taken too long.
    private enum Lateness {
        case handshake, request, idleness, taking

        func text(_ options: ServerOptions) -> String {
            switch self {
            case .handshake: "no handshake within \(options.handshakeTimeout)"
            case .request: "no whole request within \(options.handshakeTimeout)"
            case .idleness: "no further request within \(options.keepAliveTimeout)"
            case .taking: "nothing was taken within \(options.writeTimeout ?? .zero)"
            }
        }
    }

    /// - Parameter received: what somebody else has read of the first request already.
    init(_ stream: any ByteStream, received: [UInt8], on scheduler: Scheduler, _ settings: ServerSettings) {
        self.scheduler = scheduler
        self.settings = settings
        socket = stream as? SocketStream
        reader = RequestReader(limits: settings.options.headLimits, maxBodyBytes: settings.options.maxBodySize)
        reader.receive(received)
        driver = unsafe StreamDriver(
            stream, buffer: TransportResources.of(scheduler).readBuffer, phase: .handshake, asActorOf: scheduler)
        deadline = Alarm {}
        deadline.action = { [unowned self] in
            driver.abort(WebSocketError(.timeout, lateness.text(settings.options), phase: .handshake))
        }
    }

    // MARK: Deadlines

    /// What comes next has so much time; `nil`: as much as it likes.
    private func limit(_ time: Duration?, _ lateness: Lateness) {
        guard let time else { return scheduler.disarm(deadline) }
        self.lateness = lateness
        scheduler.arm(deadline, after: time)
    }

    /// The PROXY header, TLS and the first head have so much time together.
    func limitHandshake() { limit(settings.options.handshakeTimeout, .handshake) }

    /// From here on the time is not the peer's.
    func liftLimit() { scheduler.disarm(deadline) }

    private func limitRequest() { limit(settings.options.handshakeTimeout, .request) }

    // MARK: Before requests

    /// Reads the PROXY header; before TLS, since the proxy writes it before the client's bytes.
    ///
    /// No more is read than belongs to it: what follows may be TLS, which reads for itself.
    func readProxyHeader() async throws(WebSocketError) -> ProxyHeader {
        var parser = ProxyHeaderParser()
        while true {
            let bytes = try await driver.read(atMost: parser.leastMissing)
            guard !bytes.isEmpty else {
                throw .proxyHeader("PROXY protocol: the peer ended the connection within its header")
            }
            do throws(ProxyHeader.Malformed) {
                if let header = try parser.parse(bytes).header { return header }
            } catch {
                throw .proxyHeader(error.description)
            }
        }
    }

    func startTLS(_ context: TLSContext) async throws(WebSocketError) {
        let scheduler = scheduler
        let stream = TLSStream(server: context, over: driver.stream) { scheduler.runHereLater($0) }
        do {
            tls = try await driver.startTLS(stream)
        } catch {
            // Who looks whether the port is open, as balancers do every second, has not failed at TLS.
            guard error.code == .tls, stream.isPeerSilent else { throw error }
            throw WebSocketError(.connectionLost, "the peer ended the connection before it began TLS", phase: .tls)
        }
    }

    // MARK: Requests

    /// The next request's head, or why what came is none.
    ///
    /// The first has what TLS left of `handshakeTimeout`; a later one is waited for, and from its first byte on has
    /// `handshakeTimeout` too. No byte on the way moves that.
    func nextRequest(isFirst: Bool) async throws(WebSocketError) -> Result<IncomingRequest, HeadError> {
        if !isFirst {
            if !reader.hasBegun {
                limit(settings.options.keepAliveTimeout, .idleness)
                try await receive()
            }
            limitRequest()
        }
        while true {
            // What was read before it was dropped is not served any more.
            if let dropped { throw dropped }
            do throws(HeadError) {
                if let request = try reader.nextHead() { return .success(request) }
            } catch {
                return .failure(error)
            }
            try await receive()
        }
    }

    /// Calls `action`, once, when something has come or ended.
    func whenTold(_ action: @escaping () -> Void) { driver.whenTold(action) }

    /// What comes now is for a task to ask for.
    func listenNoMore() { driver.listenNoMore() }

    /// The first request's head, or why what came is none, if it has come whole; `nil`: `nextRequest` is to wait for it.
    func requestAtOnce() -> Result<IncomingRequest, HeadError>? {
        guard !isDropped, let bytes = driver.readAtOnce() else { return nil }
        reader.receive(bytes)
        do throws(HeadError) {
            return try reader.nextHead().map { .success($0) }
        } catch {
            return .failure(error)
        }
    }

    /// The body of the request whose head came last, within `handshakeTimeout`, or why what came is none.
    func body(of request: IncomingRequest) async throws(WebSocketError) -> Result<[UInt8], HeadError> {
        guard request.hasBody else { return .success([]) }
        limitRequest()
        var mayInvite = request.expectsContinue
        while true {
            do throws(HeadError) {
                if let body = try reader.nextBody() { return .success(body) }
            } catch {
                return .failure(error)
            }
            // Whoever sends it already needs no invitation (RFC 9110 section 10.1.1).
            if mayInvite { try await invite() }
            mayInvite = false
            try await receive()
        }
    }

    private func invite() async throws(WebSocketError) {
        try await send(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
        phase = .listening
        limitRequest()
    }

    private func receive() async throws(WebSocketError) {
        let bytes = try await driver.read()
        guard !bytes.isEmpty else {
            throw WebSocketError(.connectionLost, "the peer ended the connection", phase: .handshake)
        }
        reader.receive(bytes)
    }

    /// A process that reads the stream while it is awaited, so as to notice the loss of the peer.
    func awaitedProcess<Value: Sendable>(of type: Value.Type) -> AwaitedProcess<Value> {
        AwaitedProcess(watching: driver.stream, holding: reader.heldCount, on: scheduler)
    }

    /// Takes what such a process has read.
    func receive(_ bytes: [UInt8]) { reader.receive(bytes) }

    // MARK: Responses

    /// A route makes a response, or nobody does any more.
    func isAnswering(_ isAnswering: Bool) { phase = isAnswering ? .answering : .listening }

    /// Writes; a peer that takes nothing for `writeTimeout` is cut.
    func send(_ bytes: [UInt8]) async throws(WebSocketError) {
        try await sending { driver throws(WebSocketError) in try await driver.write(bytes) }
    }

    /// Writes what the peer takes at once.
    ///
    /// - Returns: the rest, which is to be sent.
    func sendAtOnce(_ bytes: [UInt8]) -> ArraySlice<UInt8> { driver.writeAtOnce(bytes) }

    /// Waits until the peer takes more, as long as `send` does.
    func waitUntilWritable() async throws(WebSocketError) {
        try await sending { driver throws(WebSocketError) in try await driver.waitUntilWritable() }
    }

    /// No more than `count` bytes are to wait in the kernel for the peer to take them.
    func boundUnsent(to count: Int) { driver.stream.boundUnsent(to: count) }

    private func sending(_ step: (StreamDriver) async throws(WebSocketError) -> Void) async throws(WebSocketError) {
        phase = .answering
        let time = settings.options.writeTimeout
        limit(time, .taking)
        takenAt = scheduler.time.nanoseconds
        driver.onProgress = { [unowned self] in
            takenAt = scheduler.time.nanoseconds
            limit(time, .taking)
        }
        defer { (driver.onProgress, takenAt) = (nil, nil) }
        try await step(driver)
    }

    // MARK: The end

    /// How it stands when others want its place.
    var standing: HandshakeQueue.Standing {
        if isDropped { return .gone }
        if socket?.hasUnread == true { return .served }
        if let takenAt { return scheduler.time.nanoseconds < takenAt + 1_000_000_000 ? .served : .speaking }
        if case .answering = phase { return .served }
        return socket?.hasReceived == false ? .silent : .speaking
    }

    /// Ends it at once, whatever it is at.
    func drop(_ error: WebSocketError) {
        dropped = dropped ?? error
        driver.abort(error)
        endLeaving()
    }

    /// Waits for the peer's end no longer.
    func endLeaving() {
        if case .leaving(let close) = phase { close.end() }
    }

    /// Closes it, without a word.
    func close() { driver.stream.close() }

    /// Ends it so that what was said arrives: closing at once would reset a peer that is still sending.
    func leave() async {
        liftLimit()
        let gate = Gate()
        var isOver = false
        phase = .leaving(
            LingeringClose.start(driver.release(), last: [], on: scheduler, for: settings.options.closeTimeout) {
                [scheduler] in
                isOver = true
                gate.open(on: scheduler)
            })
        if !isOver { await gate.pass(on: scheduler) }
        phase = .listening
    }

    /// Hands it on to a WebSocket, with what has come behind the last request.
    func release() -> (stream: any ByteStream, rest: [UInt8]) {
        (driver.release(keepsReading: true), reader.takeRest())
    }
}

extension WebSocketError {
    /// A PROXY header that is none, or of somebody who may not send one.
    static func proxyHeader(_ message: String) -> WebSocketError { WebSocketError(.proxy, message, phase: .proxy) }
}
