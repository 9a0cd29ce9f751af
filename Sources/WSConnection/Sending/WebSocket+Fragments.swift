internal import WSProtocol

/// Fragmented messages (RFC 6455 section 5.4): one frame for each element, and nobody else's data in between.
extension WebSocket {
    /// Sends the strings as one text message, each as a frame. An empty sequence sends an empty message.
    ///
    /// - Returns: the payload bytes sent.
    /// - Throws: as `send(_:)`.
    @discardableResult
    public func send(fragments: some Sequence<String>) async throws(WebSocketError) -> Int {
        try await sendFragments(fragments.map(Message.text))
    }

    /// Sends the arrays as one binary message, each as a frame. An empty sequence sends an empty text message.
    ///
    /// - Returns: the payload bytes sent.
    /// - Throws: as `send(_:)`.
    @discardableResult
    public func send(fragments: some Sequence<[UInt8]>) async throws(WebSocketError) -> Int {
        try await sendFragments(fragments.map(Message.binary))
    }

    /// Sends the strings as one text message, each as a frame as soon as it is there. What other tasks send waits
    /// until the sequence has ended; pings and pongs do not.
    ///
    /// - Returns: the payload bytes sent.
    /// - Throws: what the sequence throws, otherwise as `send(_:)`. If a part of the message is out by then, it cannot
    ///   be finished, and the connection is closed with 1011.
    @discardableResult
    public func send<S: AsyncSequence & Sendable>(fragments: S) async throws -> Int where S.Element == String {
        try await sendFragments(each: fragments, Message.text)
    }

    /// Sends the arrays as one binary message, each as a frame as soon as it is there, as the same for text does.
    @discardableResult
    public func send<S: AsyncSequence & Sendable>(fragments: S) async throws -> Int where S.Element == [UInt8] {
        try await sendFragments(each: fragments, Message.binary)
    }

    private func sendFragments(_ fragments: [Message]) async throws(WebSocketError) -> Int {
        try await openFragmentedSend()
        defer { closeFragmentedSend() }
        var total = 0
        for (index, fragment) in fragments.enumerated() {
            total += try await sendFragment(fragment, isFinal: index == fragments.count - 1)
        }
        if fragments.isEmpty { total += try await sendFragment(.text(""), isFinal: true) }
        return total
    }

    private func sendFragments<S: AsyncSequence & Sendable>(
        each fragments: S, _ message: (S.Element) -> Message
    ) async throws -> Int where S.Element: Sendable {
        try await openFragmentedSend()
        defer { closeFragmentedSend() }
        var total = 0
        // The last frame says that it is the last, so each is held until its successor is there.
        var held: Message?
        for try await fragment in fragments {
            if let held { total += try await sendFragment(held, isFinal: false) }
            held = message(fragment)
        }
        return try await total + sendFragment(held ?? .text(""), isFinal: true)
    }

    private func openFragmentedSend() async throws(WebSocketError) {
        while isFragmentedSendOpen { try await waitToSend() }
        isFragmentedSendOpen = true
    }

    private func closeFragmentedSend() {
        // Its sequence threw or its task was cancelled. Whatever came next would pass for the rest of it.
        if machine.isSendingMessage { beginClose(code: .internalError, reason: "a message could not be finished") }
        isFragmentedSendOpen = false
        resumeSenders()
    }

    private func sendFragment(_ fragment: Message, isFinal: Bool) async throws(WebSocketError) -> Int {
        if machine.output.count > options.limits.outboundHighWater { try await waitToSend(inMessage: true) }
        guard !isWriteBroken else { throw endError }
        prepareOutput()
        do {
            defer { markDirty() }
            return switch fragment {
            case .text(let text): try machine.sendFragment(text: text, isFinal: isFinal)
            case .binary(let bytes): try machine.sendFragment(binary: bytes, isFinal: isFinal)
            }
        } catch {
            throw refusal(error)
        }
    }
}
