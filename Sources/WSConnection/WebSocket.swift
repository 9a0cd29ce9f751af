package import Actors
internal import DequeModule
package import HansomTransport
public import WSProtocol

/// A WebSocket connection (RFC 6455): a process whose mailbox is fed by a socket.
///
/// It is an actor that lives on one scheduler, and owns its socket, its protocol state and its buffers. A program
/// receives in passive mode with `recv`, or subscribes and is told in active mode. Client and server connections are
/// alike.
///
/// Here stands what a connection consists of. What it does is told folder by folder: `Receiving`, `Sending`, `Active`,
/// `Closing`, `Timing`, `Lifetime`.
@safe public actor WebSocket {
    public typealias CloseCode = WSProtocol.CloseCode

    // What any thread may ask.
    package nonisolated let core: ProcessCore
    package nonisolated let description: ConnectionDescription
    nonisolated let published = PublishedState()

    // The wire.
    let resources: TransportResources
    let options: ConnectionOptions
    var stream: (any ByteStream)?
    var machine: ProtocolMachine
    var phase = Phase.open
    var deadlines = Deadlines()
    var alarm: Alarm?

    // What has arrived.
    var inbound = InboundQueue()
    var backlog = Backlog()
    var share = TurnShare()
    var isReadPaused = false
    var isInputOver = false
    /// Whether introspection has asked it to read no more for now.
    var isSuspended = false
    /// What all connections of the server may hold, if that is bounded; what this one has told it; and whether it waits for room.
    let budget: InboundBudget?
    var counted = InboundCount()
    var isHeldUp = false
    var receivers = Receivers()
    /// Where the first `recv` that has to wait does so.
    nonisolated var receiveGate: Gate { core }
    var isGateTaken = false
    var gateResult: Result<Frame, WebSocketError>?
    var messageHandler: MessageHandler?
    var streamed: IncomingPieces?

    // What is to go out.
    var isFlushPending = false
    var isWriteWanted = false
    var isWriteBroken = false
    var sendersWaiting = Deque<SendWaiter>()
    var isFragmentedSendOpen = false
    var pings: [PendingPing] = []
    var lastLatency: Duration?

    // Active mode.
    var subscriber: Subscriber?
    var credits = 0
    var isPumping = false
    var isEndTold = false

    // The end.
    /// How it ends, known and not told: our last frame is not written yet.
    var endToTell: Boxed<Outcome>?
    var endWaiters = unsafe [UnsafeContinuation<Void, Never>]()
    var handlerTask: Task<Void, Never>?
    var handlerIdentity: UnsafeCurrentTask?
    var isHandlerRunning = false
    var handlerReason: Boxed<ExitReason>?
    var owner: Ownership?

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
        self.stream = stream
        self.options = options
        self.description = description
        if options.receivesInPieces {
            machine.delivery = .fragments
            streamed = IncomingPieces()
        }
    }

    isolated deinit { abandon() }

    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe core.scheduler.asUnownedSerialExecutor()
    }

    nonisolated var scheduler: Scheduler { core.scheduler }

    /// How it ended for the application, once it has.
    var outcome: Outcome? { published.outcome }

    /// Where the connection stands on the wire.
    enum Phase {
        /// Messages flow.
        case open
        /// Our close is on its way; the peer's is awaited.
        case closeSent
        /// What waits is still written; then the stream is dropped.
        case finishing
        /// What waits is still written, then our side is shut; what arrives is thrown away until the peer ends too.
        case draining
        /// The stream is gone.
        case released
    }

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
