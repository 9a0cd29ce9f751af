internal import Actors
public import WSProtocol

/// From the application to the connection's output; one write a turn carries it on.
extension WebSocket {
    /// Sends a message.
    ///
    /// When more than the limit `outboundHighWater` waits to be written, it first suspends until the peer has taken
    /// enough of it.
    ///
    /// - Returns: the payload bytes sent.
    /// - Throws: `.closed` or `.connectionLost` once the connection has ended, `.cancelled` when the task was cancelled
    ///   while it waited; then nothing of the message is sent.
    @discardableResult
    public nonisolated(nonsending) func send(_ message: Message) async throws(WebSocketError) -> Int {
        if scheduler.isCurrent, let count = onOwnThread(message, { $0.sendAtOnce($1) }) { return count }
        return try await sendWhenRoom(.message(message))
    }

    /// Sends a text, as `send(_:)` does a message.
    @discardableResult
    @inlinable
    public nonisolated(nonsending) func send(_ text: some StringProtocol) async throws(WebSocketError) -> Int {
        try await send(Message(text))
    }

    /// Sends a message in a way of its own.
    ///
    /// - Returns: the payload bytes sent.
    /// - Throws: as `send(_:)`; `.timeout` when there was no room in time, `.misuse` for a `frameSize` under 4. In each
    ///   case nothing of the message is sent.
    @discardableResult
    public func send(_ message: Message, options: SendOptions) async throws(WebSocketError) -> Int {
        guard let frameSize = options.frameSize else {
            return try await sendWhenRoom(.message(message, compress: options.compress), timeout: options.timeout)
        }
        guard frameSize >= SendOptions.smallestFrame else {
            throw WebSocketError(.misuse, "frameSize \(frameSize); at least \(SendOptions.smallestFrame) is needed")
        }
        return try await sendWhenRoom(
            .split(message, frameSize: frameSize, compress: options.compress), timeout: options.timeout)
    }

    /// Sends a text in a way of its own, as `send(_:options:)` does a message.
    @discardableResult
    @inlinable
    public nonisolated(nonsending) func send(
        _ text: some StringProtocol, options: SendOptions
    ) async throws(WebSocketError) -> Int {
        try await send(Message(text), options: options)
    }

    /// Sends messages in one go: nobody else's come between, and they leave in one write as far as it can carry them.
    ///
    /// When there is no room it suspends as `send(_:)` does, before the first of them.
    ///
    /// - Returns: the payload bytes sent.
    /// - Throws: as `send(_:)`; then nothing of them is sent.
    @discardableResult
    public func send(_ messages: [Message]) async throws(WebSocketError) -> Int {
        try await sendWhenRoom(.batch(messages))
    }

    /// What became of `trySend`.
    public enum SendOutcome: Sendable, Hashable {
        /// The message is on its way.
        case sent
        /// As much waits to be written as may; the message was not taken.
        case full
        /// The connection has ended.
        case closed
    }

    /// Sends a message if that needs no waiting.
    @discardableResult
    public func trySend(_ message: Message) -> SendOutcome {
        guard end.isOpen else { return .closed }
        guard isSendable else { return .full }
        return (try? enqueue(message)) == nil ? .closed : .sent
    }

    /// Sends a text if that needs no waiting.
    @discardableResult
    @inlinable
    public func trySend(_ text: some StringProtocol) -> SendOutcome { trySend(Message(text)) }

    /// Sends it unless that needs waiting or fails.
    private func sendAtOnce(_ message: Message) -> Int? {
        guard isSendable else { return nil }
        return try? enqueue(message)
    }

    /// Whether a message may be sent at once.
    var isSendable: Bool {
        machine.outputWeight <= options.limits.outboundHighWater && !isFragmentedSendOpen && sendersWaiting.isEmpty
    }

    private func enqueue(_ message: Message, compress: Bool? = nil) throws(WebSocketError) -> Int {
        try put { machine throws(ProtocolMisuse) in
            switch message {
            case .text(let text): try machine.send(text: text, compress: compress)
            case .binary(let bytes): try machine.send(binary: bytes, compress: compress)
            }
        }
    }

    private func enqueue(fragment: Message, isFinal: Bool, compress: Bool? = nil) throws(WebSocketError) -> Int {
        try put { machine throws(ProtocolMisuse) in
            switch fragment {
            case .text(let text): try machine.sendFragment(text: text, isFinal: isFinal, compress: compress)
            case .binary(let bytes): try machine.sendFragment(binary: bytes, isFinal: isFinal, compress: compress)
            }
        }
    }

    /// A message that is compressed is cut afterwards, one that is not between its characters.
    private func enqueue(
        _ message: Message, inFramesOf size: Int, compress: Bool?
    ) throws(WebSocketError) -> Int {
        if let count = try enqueueCompressed(message, inFramesOf: size, compress) { return count }
        var total = 0
        let parts = message.parts(of: size)
        for (index, part) in parts.enumerated() {
            total += try enqueue(fragment: part, isFinal: index == parts.count - 1, compress: false)
        }
        return total
    }

    private func enqueueCompressed(
        _ message: Message, inFramesOf size: Int, _ compress: Bool?
    ) throws(WebSocketError) -> Int? {
        try put { machine throws(ProtocolMisuse) in
            switch message {
            case .text(let text): try machine.sendCompressed(text: text, compress, frameSize: size)
            case .binary(let bytes): try machine.sendCompressed(binary: bytes, compress, frameSize: size)
            }
        }
    }

    /// Puts into the output what a call wants to send, now that its turn has come.
    func enqueue(_ outgoing: Outgoing) -> Result<Int, WebSocketError> {
        do throws(WebSocketError) {
            var total = 0
            switch outgoing {
            case .message(let message, let compress): total = try enqueue(message, compress: compress)
            case .encoded(let message): total = try enqueue(message)
            case .batch(let messages): for message in messages { total += try enqueue(message) }
            case .beginning: isFragmentedSendOpen = true
            case .fragment(let part, let isFinal): total = try enqueue(fragment: part, isFinal: isFinal)
            case .split(let message, let size, let compress):
                total = try enqueue(message, inFramesOf: size, compress: compress)
            }
            return .success(total)
        } catch {
            return .failure(error)
        }
    }

    /// Encodes something into the output, to be written at the end of this turn. Whatever is sent comes through here.
    ///
    /// - Throws: how the connection ended, or `.misuse` for what the protocol refuses.
    @inline(__always)
    func put<Value>(
        _ encode: (inout ProtocolMachine) throws(ProtocolMisuse) -> Value
    ) throws(WebSocketError) -> Value {
        guard end.isOpen else { throw endError }
        prepareOutput()
        defer { markDirty() }
        do { return try encode(&machine) } catch { throw refusal(error) }
    }

    /// Lends the output storage to encode into.
    func prepareOutput() {
        if !machine.output.hasStorage { unsafe machine.output.lend(resources.lendStorage()) }
    }

    private func refusal(_ misuse: ProtocolMisuse) -> WebSocketError {
        misuse == .closed ? endError : WebSocketError(.misuse, misuse.description)
    }

    /// What a call that needs an open connection throws when there is none.
    var endError: WebSocketError {
        knownEnd ?? WebSocketError(.closed, "the connection is being closed", endOf: core.id)
    }
}

/// Sending what was encoded once for many connections.
extension WebSocket {
    /// Sends a message that was encoded once, to this connection among others.
    ///
    /// A small one is copied into the output, a large one retained where it is. It suspends as `send(_:)` of a message
    /// does.
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
        guard end.isOpen else { return .closed }
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

    /// With what a message for many is compressed so that this connection can send it; `nil` when it compresses
    /// nothing.
    package var sharedCompression: CompressionOptions? { machine.sharedCompression }

    func enqueue(_ message: EncodedMessage) throws(WebSocketError) -> Int {
        try put { machine throws(ProtocolMisuse) in try machine.send(message) }
    }
}

extension EncodedMessage {
    /// Encodes a message once, to be sent to many.
    ///
    /// - Parameter compression: the options of the connections that are to get it, if they compress: then it is
    ///   compressed here, once, for all that agreed on a window that is large enough.
    public init(_ message: WebSocket.Message, compression: CompressionOptions? = nil) {
        switch message {
        case .text(let text): self.init(text: text, compression: compression)
        case .binary(let bytes): self.init(binary: bytes, compression: compression)
        }
    }
}

/// How one message is sent.
public struct SendOptions: Sendable, Hashable {
    /// The most payload bytes of one frame, at least 4: a longer message is sent as fragments. Text is cut between
    /// characters, unless it is compressed. Default: any message is one frame.
    public var frameSize: Int?
    /// How long to wait for room, should the peer not keep up. Default: without end.
    public var timeout: Duration?
    /// Whether to compress the message, where compression was agreed on. Default: when it is as long as the threshold
    /// says. Turn it off for what is compressed already, and for secrets beside what others choose (see the guide).
    public var compress: Bool?

    /// Options by their parts; `nil` is the default of each.
    ///
    /// - Parameters:
    ///   - frameSize: the most payload bytes of one frame; `nil`: the message is one frame.
    ///   - timeout: how long to wait for room; `nil`: without end.
    ///   - compress: whether to compress; `nil`: if it is as long as `CompressionOptions.threshold` says.
    public init(frameSize: Int? = nil, timeout: Duration? = nil, compress: Bool? = nil) {
        self.frameSize = frameSize
        self.timeout = timeout
        self.compress = compress
    }

    /// So that the longest encoding of a character fits into a frame.
    static let smallestFrame = 4
}

/// A large value that most connections do not have, in one word.
final class Boxed<Value: Sendable>: Sendable {
    let value: Value

    init(_ value: Value) { self.value = value }
}
