/// A connection is the sequence of its messages.
extension WebSocket: AsyncSequence {
    public typealias Element = Message
    public typealias Failure = WebSocketError

    /// The messages from now on. Ends at an orderly close (1000, 1001, or without code); throws at any other end.
    public nonisolated func makeAsyncIterator() -> Iterator { Iterator(connection: self) }

    public struct Iterator: AsyncIteratorProtocol {
        let connection: WebSocket

        public mutating func next() async throws(WebSocketError) -> Message? {
            try await connection.recvUnlessOver()
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(WebSocketError) -> Message? {
            if let message = connection.messageAtOnce() { return message }
            return try await connection.recvUnlessOver()
        }
    }

    func recvUnlessOver() async throws(WebSocketError) -> Message? {
        do {
            return try await messageLater(options.recvPatience)
        } catch {
            if error.code == .closed, error.close?.isOrderly ?? false { return nil }
            throw error
        }
    }
}
