internal import Actors
internal import WSProtocol

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
        if scheduler.isCurrent, let count = onOwnThread({ $0.sendAtOnce(message) }) { return count }
        return try await sendLater(message)
    }

    /// Sends it unless that needs waiting or fails.
    private func sendAtOnce(_ message: Message) -> Int? {
        guard isSendable else { return nil }
        return try? enqueue(message)
    }

    private func sendLater(_ message: Message) async throws(WebSocketError) -> Int {
        if !isSendable { try await waitToSend() }
        return try enqueue(message)
    }

    /// Sends messages in one go: they leave in one write as far as it can carry them.
    ///
    /// - Returns: the payload bytes sent.
    /// - Throws: as `send(_:)`; the messages before the one that failed were sent.
    @discardableResult
    public func send(_ messages: [Message]) async throws(WebSocketError) -> Int {
        var total = 0
        for message in messages { total += try await send(message) }
        return total
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
        guard machine.state == .open, !isWriteBroken else { return .closed }
        guard isSendable else { return .full }
        return (try? enqueue(message)) == nil ? .closed : .sent
    }

    /// Whether a message may be sent at once.
    private var isSendable: Bool {
        machine.output.count <= options.limits.outboundHighWater && !isFragmentedSendOpen && sendersWaiting.isEmpty
    }

    private func enqueue(_ message: Message) throws(WebSocketError) -> Int {
        guard !isWriteBroken else { throw endError }
        prepareOutput()
        do {
            defer { markDirty() }
            return switch message {
            case .text(let text): try machine.send(text: text)
            case .binary(let bytes): try machine.send(binary: bytes)
            }
        } catch {
            throw refusal(error)
        }
    }

    /// Lends the output storage to encode into.
    func prepareOutput() {
        if !machine.output.hasStorage { unsafe machine.output.lend(resources.lendStorage()) }
    }

    func refusal(_ misuse: ProtocolMisuse) -> WebSocketError {
        misuse == .closed ? endError : WebSocketError(.misuse, misuse.description)
    }

    /// What a call that needs an open connection throws when there is none.
    var endError: WebSocketError {
        outcome?.error ?? WebSocketError(.closed, "the connection is being closed")
    }

    // MARK: Waiting for room

    @safe struct SendWaiter {
        let id: UInt64
        /// Whether it sends the fragments of a message that has begun, and so goes before everyone else.
        let isInMessage: Bool
        let continuation: UnsafeContinuation<Bool, Never>
    }

    /// Suspends until there is room to send, in order of arrival.
    func waitToSend(inMessage: Bool = false) async throws(WebSocketError) {
        repeat {
            guard machine.state == .open, !isWriteBroken else { throw endError }
            let id = ProcessCore.nextID()
            let mayGoOn = await withTaskCancellationHandler {
                Task.isCancelled ? false : await suspendSender(id, inMessage)
            } onCancel: {
                scheduler.runLater { [self] in onOwnThread { $0.cancelSender(id) } }
            }
            guard machine.state == .open, !isWriteBroken else { throw endError }
            if !mayGoOn { throw .cancelled }
        } while machine.output.count > options.limits.outboundHighWater || isFragmentedSendOpen && !inMessage
    }

    private func suspendSender(_ id: UInt64, _ inMessage: Bool) async -> Bool {
        await unsafe withUnsafeContinuation { continuation in
            // The end, or a cancellation, may have come on the way here, as told at `resultAtOnce`.
            guard machine.state == .open, !isWriteBroken, !Task.isCancelled else {
                return unsafe continuation.resume(returning: false)
            }
            unsafe sendersWaiting.append(SendWaiter(id: id, isInMessage: inMessage, continuation: continuation))
            resumeSenders()
        }
    }

    /// Lets waiting senders go on, once enough is written.
    func resumeSenders() {
        guard !sendersWaiting.isEmpty, machine.output.count <= options.limits.outboundLowWater else { return }
        let mayGoOn = sendersWaiting.filter { $0.isInMessage || !isFragmentedSendOpen }
        sendersWaiting.removeAll { $0.isInMessage || !isFragmentedSendOpen }
        for sender in mayGoOn { unsafe sender.continuation.resume(returning: true) }
    }

    func failSenders() {
        let waiting = sendersWaiting
        sendersWaiting = []
        for sender in waiting { unsafe sender.continuation.resume(returning: false) }
    }

    private func cancelSender(_ id: UInt64) {
        guard let index = sendersWaiting.firstIndex(where: { $0.id == id }) else { return }
        let sender = sendersWaiting.remove(at: index)
        unsafe sender.continuation.resume(returning: false)
    }
}
