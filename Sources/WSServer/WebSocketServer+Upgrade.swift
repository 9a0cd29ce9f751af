internal import Actors
internal import HansomTransport
public import WSConnection

extension WebSocketServer {
    /// Turns a connection that another HTTP server has accepted into a WebSocket, and serves it to its end: for a server
    /// that reads requests itself and finds one that asks for a WebSocket.
    ///
    /// It answers: 101, or why not. Whoever calls must not have begun an answer.
    ///
    /// - Parameters:
    ///   - descriptor: the connected stream socket. It becomes the connection's; it is made non-blocking.
    ///   - received: what was read from it so far: the request's head as it came, and what followed.
    ///   - options: limits, origins, subprotocols and times. TLS and the options about listening do not apply.
    ///   - handler: runs as the connection.
    /// - Returns: whether the request was one that was accepted; a refused one was answered.
    /// - Throws: `.invalidConfiguration` when `descriptor` is no connected stream socket; it stays the caller's then.
    @discardableResult
    public static func upgrade(
        over descriptor: Int32, received: [UInt8], options: ServerOptions = .init(),
        handler: @escaping WebSocket.Handler
    ) async throws(WebSocketError) -> Bool {
        var plain = options
        plain.tls = nil
        let settings = try ServerSettings(plain, Service(.perConnection(handler), plain))
        let scheduler = options.schedulers.place()
        let stream: SocketStream
        do {
            stream = try SocketStream(borrowing: descriptor, scheduler: scheduler)
        } catch {
            throw WebSocketError(
                .invalidConfiguration, "descriptor \(descriptor) is no connected stream socket: \(error)")
        }
        let upgrading = Upgrading(stream, received, settings, on: scheduler)
        guard let connection = await upgrading.run() else { return false }
        await withTaskCancellationHandler {
            _ = await connection.pid.down()
        } onCancel: {
            connection.pid.exit(.shutdown)
        }
        return true
    }
}

/// The handshake on a socket that somebody else has accepted.
private actor Upgrading {
    private let scheduler: Scheduler
    private let conversation: Conversation

    init(_ stream: SocketStream, _ received: [UInt8], _ settings: ServerSettings, on scheduler: Scheduler) {
        self.scheduler = scheduler
        stream.keep()
        conversation = Conversation(
            stream, peer: stream.peerAddress, local: stream.localAddress, received: received, on: scheduler, settings)
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe scheduler.asUnownedSerialExecutor() }

    func run() async -> WebSocket? {
        await withTaskCancellationHandler {
            await handshake()
        } onCancel: {
            scheduler.run { [conversation] in conversation.abort() }
        }
    }

    /// A function of its own, so that it runs here and not where the handler above would run a closure.
    private func handshake() async -> WebSocket? { await conversation.run() }
}
