public import Actors
internal import DequeModule
public import HTTPTypes
internal import HansomHTTP
public import HansomTransport
public import WSProtocol

/// A WebSocket connection (RFC 6455): a process whose mailbox is fed by a socket.
///
/// It is an actor that lives on one scheduler, and owns its socket, its protocol state and its buffers. A program
/// receives in passive mode with `recv`, or subscribes and is told in active mode. Client and server connections are
/// alike.
///
/// Here stands what a connection consists of. What it does is told: file by file: `Receiving`, `Sending`,
/// `Deadlines`, `EndMachine` and `Ending`, `EndBond`.
@safe public actor WebSocket {
    public typealias CloseCode = WSProtocol.CloseCode

    // What any thread may ask.
    package nonisolated let core: ProcessCore
    package nonisolated let description: ConnectionDescription
    nonisolated let published = PublishedState()

    // Safety (unchecked exclusivity), of all that is marked so: these are asked for each message. Only the connection
    // touches them, on its own thread, and nothing that works on one of them in place calls anything out: it is over
    // before other code runs.

    // The wire.
    let resources: TransportResources
    let options: ConnectionOptions
    @safe @exclusivity(unchecked) var stream: (any ByteStream)?
    @safe @exclusivity(unchecked) var machine: ProtocolMachine
    @safe @exclusivity(unchecked) var deadlines = Deadlines()
    @safe @exclusivity(unchecked) var alarm: Alarm?

    // What has arrived.
    @safe @exclusivity(unchecked) var inbound = InboundQueue()
    @safe @exclusivity(unchecked) var backlog = Backlog()
    @safe @exclusivity(unchecked) var share = TurnShare()
    @safe @exclusivity(unchecked) var isReadPaused = false
    /// Whether introspection has asked it to read no more for now.
    @safe @exclusivity(unchecked) var isSuspended = false
    /// What all connections of the server may hold, if that is bounded; what this one has told it; and whether it waits
    /// for room.
    let budget: InboundBudget?
    @safe @exclusivity(unchecked) var counted = InboundCount()
    @safe @exclusivity(unchecked) var isHeldUp = false
    @safe @exclusivity(unchecked) var receivers = Receivers()
    /// Where the first `recv` that has to wait does so.
    nonisolated var receiveGate: Gate { core }
    @safe @exclusivity(unchecked) var isGateTaken = false
    /// What the one at the gate gets: a frame, or else an error.
    @safe @exclusivity(unchecked) var gateFrame: Frame?
    @safe @exclusivity(unchecked) var gateError: Boxed<WebSocketError>?
    @safe @exclusivity(unchecked) var messageHandler: SynchronousHandler?
    @safe @exclusivity(unchecked) var streamed: IncomingPieces?

    // What is to go out.
    @safe @exclusivity(unchecked) var isFlushPending = false
    @safe @exclusivity(unchecked) var isWriteWanted = false
    @safe @exclusivity(unchecked) var sendersWaiting = Deque<SendWaiter>()
    @safe @exclusivity(unchecked) var isFragmentedSendOpen = false
    @safe @exclusivity(unchecked) var pings: [PendingPing] = []
    @safe @exclusivity(unchecked) var lastLatency: Duration?

    // Active mode.
    @safe @exclusivity(unchecked) var subscriber: Subscriber?
    @safe @exclusivity(unchecked) var credits = 0
    @safe @exclusivity(unchecked) var isPumping = false

    // The end.
    /// Where it stands between open and gone.
    @safe @exclusivity(unchecked) var end: EndMachine
    var endWaiters = unsafe [UnsafeContinuation<Void, Never>]()
    var handlerTask: Task<Void, Never>?
    /// The handler's task, to be compared with the one that runs.
    @exclusivity(unchecked) var handlerIdentity: UnsafeMutableRawPointer?
    var handlerReason: Boxed<ExitReason>?
    var owner: EndBond?

    /// Runs as the connection, for each connection of a server.
    public typealias Handler = @Sendable (isolated WebSocket) async throws -> Void
    /// Runs as the connection for each message, without suspending.
    public typealias MessageHandler = @Sendable (isolated WebSocket, Message) throws -> Void

    /// Takes over a stream on which the opening handshake has succeeded. Call it on `scheduler`; then `begin`.
    package init(
        stream: any ByteStream, scheduler: Scheduler, role: ProtocolMachine.Role, options: ConnectionOptions,
        compression: CompressionAgreement? = nil, budget: InboundBudget? = nil, description: ConnectionDescription
    ) {
        self.budget = budget
        core = ProcessCore(on: scheduler)
        resources = TransportResources.of(scheduler)
        machine = ProtocolMachine(role: role, limits: options.limits.ofProtocol, compression: compression)
        end = EndMachine(isServer: machine.isServer)
        self.stream = stream
        self.options = options
        self.description = description
        if options.receivesInPieces {
            machine.delivery = .fragments
            streamed = IncomingPieces()
        }
    }

    isolated deinit { abandon() }

    /// The scheduler on which the connection lives: all that is isolated to the connection runs there.
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe core.scheduler.asUnownedSerialExecutor()
    }

    nonisolated var scheduler: Scheduler { core.scheduler }

    /// How it ended for the application, once it has.
    var outcome: Outcome? { end.isTold ? end.outcome?.value : nil }

    /// How it ended for the application.
    enum Outcome: Sendable {
        /// And the connection's number, which is known once this is published.
        case closed(Close, of: UInt64? = nil)
        case failed(WebSocketError)

        /// The same, whose error names the connection.
        func told(by connection: UInt64) -> Outcome {
            switch self {
            case .closed(let close, _): .closed(close, of: connection)
            case .failed(let error): .failed(error.asEnd(of: connection))
            }
        }

        var close: Close {
            switch self {
            case .closed(let close, _): close
            case .failed(let error): error.close ?? Close(code: .abnormal, reason: error.message)
            }
        }

        var error: WebSocketError {
            switch self {
            case .closed(let close, let connection):
                WebSocketError(.closed, "the connection was closed with \(close)", close: close, endOf: connection)
            case .failed(let error): error
            }
        }
    }
}

/// What is known of a connection can be asked, most of it from anywhere and without waiting.
extension WebSocket {
    /// The connection as a process.
    public nonisolated var pid: PID { core.pid }

    /// Where it stands.
    public nonisolated var state: State { published.current }

    /// Whether it has ended for sending: a close was sent or received, or it was lost.
    public nonisolated var isClosed: Bool { published.current != .open }

    /// The code it was closed with, once it was: 1005 for a close without code, 1006 when it was lost.
    public nonisolated var closeCode: CloseCode? { published.outcome?.close.code }

    /// The reason it was closed with, once it was.
    public nonisolated var closeReason: String? { published.outcome?.close.reason }

    /// What its end is to who waits for something, once it has ended.
    package nonisolated var outcomeError: WebSocketError? { published.outcome?.error }

    /// The same, also while our last frame is still to be written, until when nobody is told.
    package var knownEnd: WebSocketError? { end.outcome?.value.error }

    /// The other end's address: of the socket, or as a PROXY header says.
    public nonisolated var peerAddress: SocketAddress? { description.peerAddress }

    /// On the server, who asked for the connection: `peerAddress`, or behind proxies that the server trusts whom they
    /// name; `nil` when such a proxy does not say.
    public nonisolated var clientAddress: SocketAddress? {
        if let forwarding = description.routing?.forwarding { forwarding.clientAddress } else { peerAddress }
    }

    /// This end's address.
    public nonisolated var localAddress: SocketAddress? { description.localAddress }

    /// The subprotocol agreed upon, if any (RFC 6455 section 1.9).
    public nonisolated var subprotocol: String? { description.subprotocol }

    /// The extensions agreed upon, with their parameters as in the server's answer (RFC 6455 section 9.1).
    public nonisolated var extensions: [String] { description.extensions }

    /// TLS version, cipher and peer certificate; `nil` without TLS.
    public nonisolated var tls: TLSDetails? { description.tls }

    /// On the client the headers of the server's answer, on the server those of the request.
    public nonisolated var handshakeHeaders: HTTPFields {
        if let request { return request.headers }
        // It was taken already, by whatever limits.
        var parser = ResponseHeadParser(limits: .none)
        return (try? parser.parse(description.head).head?.fields) ?? HTTPFields()
    }

    /// On the server, the request that opened the connection; `nil` on the client.
    public nonisolated var request: Request? {
        var parser = RequestHeadParser(limits: .none)
        guard let head = try? parser.parse(description.head).head else { return nil }
        return Request(
            head, peerAddress: peerAddress, tls: tls, routing: description.routing ?? RequestRouting())
    }

    /// Messages that have arrived and were not taken yet.
    package var waitingMessages: Int { Int(inbound.messageCount) }

    /// Payload that has arrived and is held: in queues, in the backlog, and of a message that is not complete.
    package var heldBytes: Int {
        inbound.byteCount + (streamed?.byteCount ?? 0) + backlog.count + machine.bytesBuffered
    }

    /// Pings whose pong is still to come, those included for which nobody waits any more.
    package var pendingPings: Int { pings.count }

    /// Bytes that wait to be written.
    public var bufferedBytes: Int { machine.output.count }

    /// Frames and payload bytes so far, control frames included. What is compressed counts as it is on the wire.
    public var counters: Counters {
        let counters = machine.counters
        return Counters(
            framesReceived: UInt64(counters.framesReceived), framesSent: UInt64(counters.framesSent),
            bytesReceived: UInt64(counters.bytesReceived), bytesSent: UInt64(counters.bytesSent))
    }

    /// What the last answered ping measured.
    public var latency: Duration? { lastLatency }

    /// Peer, path and bytes, for those who look at the program from outside.
    var detail: String {
        let peer = clientAddress.map { "\($0)" } ?? "pipe"
        let counters = machine.counters
        let path = description.path.map { " \($0)" } ?? ""
        return "\(peer)\(path), \(counters.bytesReceived) B in, \(counters.bytesSent) B out"
    }
}

/// What is known of a connection from its opening handshake, and does not change.
package final class ConnectionDescription: Sendable {
    package let peerAddress: SocketAddress?
    package let localAddress: SocketAddress?
    package let subprotocol: String?
    package let extensions: [String]
    private let boxed: Boxed<Rarities>?
    /// The peer's HTTP head as it came: a request on the server, a response on the client. Parsed when asked for,
    /// since parsed it is several times as large.
    package let head: [UInt8]

    package var tls: TLSDetails? { boxed?.value.tls }
    /// What the route and the authorisation hook say of the request.
    package var routing: RequestRouting? { boxed?.value.routing }

    /// On the server the path that was asked for, at most 100 bytes of it, without the query: tokens travel there.
    package var path: String? {
        guard let start = head.firstIndex(of: UInt8(ascii: " ")), head.first != UInt8(ascii: "H") else { return nil }
        let target = head[(start + 1)...].prefix { $0 > 0x20 && $0 != UInt8(ascii: "?") }
        return String(decoding: target.prefix(100), as: UTF8.self) + (target.count > 100 ? "..." : "")
    }

    /// What most connections do not have, so that it costs them one word.
    private struct Rarities {
        let tls: TLSDetails?
        let routing: RequestRouting?
    }

    package init(
        peerAddress: SocketAddress? = nil, localAddress: SocketAddress? = nil, subprotocol: String? = nil,
        extensions: [String] = [], tls: TLSDetails? = nil, routing: RequestRouting? = nil, head: [UInt8] = []
    ) {
        self.peerAddress = peerAddress
        self.localAddress = localAddress
        self.subprotocol = subprotocol
        self.extensions = extensions
        boxed = tls == nil && routing == nil ? nil : Boxed(Rarities(tls: tls, routing: routing))
        self.head = head
    }
}

extension WebSocket: CustomReflectable {
    /// Which process it is, and nothing that changes meanwhile.
    public nonisolated var customMirror: Mirror { Mirror(self, children: ["pid": pid], displayStyle: .class) }
}
