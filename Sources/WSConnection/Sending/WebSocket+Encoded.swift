internal import Actors
public import WSProtocol

/// Sending what was encoded once for many connections.
extension WebSocket {
    /// Sends a message that was encoded once, to this connection among others.
    ///
    /// A small one is copied into the output, a large one retained where it is. It suspends as `send(_:)` of a message does.
    ///
    /// - Returns: the payload bytes sent, not compressed.
    /// - Throws: `.closed` or `.connectionLost` once the connection has ended, `.cancelled` when the task was cancelled
    ///   while it waited; then nothing of the message is sent.
    @discardableResult
    public func send(_ message: EncodedMessage) async throws(WebSocketError) -> Int {
        try await sendWhenRoom(.encoded(message))
    }

    /// Sends a message that was encoded once, if that needs no waiting.
    @discardableResult
    public func trySend(_ message: EncodedMessage) -> SendOutcome {
        guard machine.state == .open, !isWriteBroken else { return .closed }
        guard isSendable else { return .full }
        return (try? enqueue(message)) == nil ? .closed : .sent
    }

    /// Sends a message as soon as there is room, behind those who wait already. For one that `trySend` found `.full`.
    ///
    /// - Parameters:
    ///   - id: what `stopWaiting` takes; a number of its own.
    ///   - whenDone: is called once, later, on this connection's thread.
    package func sendWhenRoom(
        _ message: EncodedMessage, id: UInt64, whenDone: @escaping (Result<Int, WebSocketError>) -> Void
    ) {
        sendersWaiting.append(
            SendWaiter(id: id, outgoing: .encoded(message), alarm: nil, whenDone: .call(whenDone)))
    }

    /// Ends the wait of `sendWhenRoom`, if it still waits: then it is told that it was cancelled, and nothing was sent.
    package func stopWaiting(_ id: UInt64) { endSender(id, .cancelled) }

    /// With what a message for many is compressed so that this connection can send it; `nil` when it compresses nothing.
    package var sharedCompression: CompressionOptions? { machine.sharedCompression }

    func enqueue(_ message: EncodedMessage) throws(WebSocketError) -> Int {
        guard !isWriteBroken else { throw endError }
        prepareOutput()
        do {
            defer { markDirty() }
            return try machine.send(message)
        } catch {
            throw refusal(error)
        }
    }
}

extension EncodedMessage {
    /// Encodes a message once, to be sent to many.
    ///
    /// - Parameter compression: the options of the connections that are to get it, if they compress: then it is compressed
    ///   here, once, for all that agreed on a window that is large enough.
    public init(_ message: WebSocket.Message, compression: CompressionOptions? = nil) {
        switch message {
        case .text(let text): self.init(text: text, compression: compression)
        case .binary(let bytes): self.init(binary: bytes, compression: compression)
        }
    }
}
