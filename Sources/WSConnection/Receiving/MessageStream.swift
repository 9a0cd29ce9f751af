internal import Actors

/// One message, piece by piece as it arrives, never held as a whole. For one reader.
///
/// All pieces are text, or all are binary; a piece of text ends between characters. The pieces are what arrived
/// together, not the peer's frames. Dropping the stream throws away what is left of the message.
public struct MessageStream: AsyncSequence, Sendable {
    public typealias Element = WebSocket.Message
    public typealias Failure = WebSocketError

    let reader: Reader

    public func makeAsyncIterator() -> Iterator { Iterator(reader: reader) }

    public struct Iterator: AsyncIteratorProtocol {
        let reader: Reader

        public mutating func next() async throws(WebSocketError) -> WebSocket.Message? {
            try await reader.connection.nextPiece(for: reader)
        }

        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(WebSocketError) -> WebSocket.Message? {
            try await reader.connection.nextPiece(for: reader)
        }
    }

    /// Who reads: when it goes, the rest of the message is of no interest.
    final class Reader: Sendable {
        let connection: WebSocket

        init(_ connection: WebSocket) { self.connection = connection }

        deinit {
            let (connection, reader) = (connection, ObjectIdentifier(self))
            connection.scheduler.runLater { connection.onOwnThread { $0.abandonStream(of: reader) } }
        }
    }
}
