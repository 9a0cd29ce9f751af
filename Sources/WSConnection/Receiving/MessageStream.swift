internal import Actors
internal import Synchronization

/// One message, piece by piece as it arrives, never held as a whole. For one reader.
///
/// All pieces are text, or all are binary; a piece of text ends between characters. The pieces are what arrived
/// together, or waited together, not the peer's frames. Dropping the stream throws away what is left of the message.
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
        let claim = StreamClaim()

        init(_ connection: WebSocket) { self.connection = connection }

        deinit {
            claim.giveUp()
            let (connection, claim) = (connection, claim)
            connection.scheduler.runLater { connection.onOwnThread { $0.abandonStream(of: claim) } }
        }
    }
}

/// Which stream somebody reads. Whatever is posted for later carries it, so that it can never be taken for the next
/// reader's: an address could.
final class StreamClaim: Sendable {
    private let gaveUp = Atomic<Bool>(false)

    /// Whether nobody reads any more.
    var isGivenUp: Bool { gaveUp.load(ordering: .acquiring) }

    func giveUp() { gaveUp.store(true, ordering: .releasing) }
}
