internal import WSProtocol

/// Fragmented messages (RFC 6455 section 5.4): one frame for each element, and nobody else's data in between.
extension WebSocket {
    /// Sends the strings as one text message, each as a frame. An empty sequence sends an empty message.
    ///
    /// The sequence is gone through as the peer takes it, and never held as a whole.
    ///
    /// - Returns: the payload bytes sent.
    /// - Throws: as `send(_:)`. If a part of the message is out by then, the connection is closed with 1011.
    @discardableResult
    public func send(fragments: some Sequence<some StringProtocol>) async throws(WebSocketError) -> Int {
        try await sendFragments(of: fragments) { Message($0) }
    }

    /// Sends the sequences of bytes as one binary message, each as a frame. An empty sequence sends an empty text
    /// message.
    ///
    /// - Returns: the payload bytes sent.
    /// - Throws: as the same for text.
    @discardableResult
    public func send(fragments: some Sequence<some Sequence<UInt8>>) async throws(WebSocketError) -> Int {
        try await sendFragments(of: fragments) { Message($0) }
    }

    /// Sends the strings as one text message, each as a frame as soon as its successor is there. What other tasks send
    /// waits until the sequence has ended; pings and pongs do not.
    ///
    /// - Returns: the payload bytes sent.
    /// - Throws: what the sequence throws, otherwise as `send(_:)`; `.cancelled` also when the task was cancelled by
    ///   the time the sequence ended, since that may be why it did. If a part of the message is out by then, it cannot
    ///   be finished, and the connection is closed with 1011.
    @discardableResult
    public func send<S: AsyncSequence & Sendable>(fragments: S) async throws -> Int
    where S.Element: StringProtocol & Sendable {
        try await sendFragments(each: fragments) { Message($0) }
    }

    /// Sends the sequences of bytes as one binary message, each as a frame as soon as its successor is there, as the
    /// same for text does.
    @discardableResult
    public func send<S: AsyncSequence & Sendable>(fragments: S) async throws -> Int
    where S.Element: Sequence<UInt8> & Sendable {
        try await sendFragments(each: fragments) { Message($0) }
    }

    // The last frame says that it is the last, so each is held until its successor is there.

    private func sendFragments<S: Sequence>(
        of fragments: S, _ message: (S.Element) -> Message
    ) async throws(WebSocketError) -> Int {
        _ = try await sendWhenRoom(.beginning)
        defer { endFragmentedSend() }
        var total = 0
        var held: Message?
        for fragment in fragments {
            if let held { total += try await sendWhenRoom(.fragment(held, isFinal: false)) }
            held = message(fragment)
        }
        return try await total + sendWhenRoom(.fragment(held ?? .text(""), isFinal: true))
    }

    private func sendFragments<S: AsyncSequence & Sendable>(
        each fragments: S, _ message: (S.Element) -> Message
    ) async throws -> Int where S.Element: Sendable {
        _ = try await sendWhenRoom(.beginning)
        defer { endFragmentedSend() }
        var total = 0
        var held: Message?
        for try await fragment in fragments {
            if let held { total += try await sendWhenRoom(.fragment(held, isFinal: false)) }
            held = message(fragment)
        }
        // A sequence may end because its task was cancelled: half a message must not pass for a whole.
        if Task.isCancelled { throw WebSocketError.cancelled }
        return try await total + sendWhenRoom(.fragment(held ?? .text(""), isFinal: true))
    }

    private func endFragmentedSend() {
        // Its sequence threw or its task was cancelled. Whatever came next would pass for the rest of it.
        if machine.isSendingMessage { beginClose(.internalError, "a message could not be finished") }
        isFragmentedSendOpen = false
        serveSenders()
    }
}

extension WebSocket.Message {
    /// The message in parts of at most `size` bytes, at least one of them. Text is cut between characters (Unicode
    /// scalars), so `size` must be 4 or more.
    func parts(of size: Int) -> [WebSocket.Message] {
        guard byteCount > size else { return [self] }
        return switch self {
        case .binary(let bytes):
            stride(from: 0, to: bytes.count, by: size).map { start in
                .binary(Array(bytes[start..<Swift.min(start + size, bytes.count)]))
            }
        case .text(let text): WebSocket.Message.parts(of: text, size)
        }
    }

    private static func parts(of text: String, _ size: Int) -> [WebSocket.Message] {
        var parts: [WebSocket.Message] = []
        var rest = text.utf8[...]
        while let end = rest.index(rest.startIndex, offsetBy: size, limitedBy: rest.endIndex), end < rest.endIndex {
            var cut = end
            while rest[cut] & 0xC0 == 0x80 { cut = rest.index(before: cut) }
            parts.append(.text(String(Substring(rest[..<cut]))))
            rest = rest[cut...]
        }
        parts.append(.text(String(Substring(rest))))
        return parts
    }
}
