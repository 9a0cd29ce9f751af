internal import Actors
internal import DequeModule
internal import Synchronization
internal import WSProtocol

/// Receiving a message without holding the whole of it.
extension WebSocket {
    /// Takes the next message as a stream of its pieces. Memory stays within the limit `inboundBytes`, however large
    /// the limit `streamedMessageSize` lets the message be; while the reader is slow, the socket is not read.
    ///
    /// A message that is arriving is streamed from where it is; one that has arrived already comes as one piece, unless
    /// the connection receives in pieces (the option `receivesInPieces`): then none was ever held as a whole. Messages
    /// behind it wait for the next call, or for `recv`.
    ///
    /// - Throws: `.misuse` while another message is streamed or a `recv` waits; `.activeMode` while a subscriber is
    ///   told; the connection's end when nothing more is to come. The stream then throws as `recv` does.
    public func recvStream() throws(WebSocketError) -> MessageStream {
        guard credits == 0 else {
            throw WebSocketError(.activeMode, "frames go to the subscriber; setActive(.off) first")
        }
        // Who has broken off and asks for the next may be here before what its going away has posted.
        if let claim = streamed?.claim, claim.isGivenUp { abandonStream(of: claim) }
        guard streamed?.claim == nil, receivers.isEmpty, messageHandler == nil else {
            throw WebSocketError(.misuse, "somebody else receives the next message; let that end first")
        }
        if let outcome, inbound.messageCount == 0, backlog.isEmpty, streamed?.isEmpty != false { throw outcome.error }
        let reader = MessageStream.Reader(self)
        let pieces = streamed ?? IncomingPieces()
        streamed = pieces
        pieces.begin(reader.claim)
        if !options.receivesInPieces { streamNextMessage(to: pieces) }
        return MessageStream(reader: reader)
    }

    /// One message is received in pieces, on a connection that else receives them whole.
    private func streamNextMessage(to pieces: IncomingPieces) {
        if let message = inbound.popMessage() { return pieces.append(message, isFirst: true, isFinal: true) }
        machine.delivery = .fragments
        if let fragment = machine.streamMessageInProgress() { deliver(fragment) }
    }

    func nextPiece(for reader: MessageStream.Reader) async throws(WebSocketError) -> Message? {
        await scheduler.giveWayIfSpent(core)
        guard let pieces = streamed, pieces.claim === reader.claim else { return nil }
        while true {
            if let piece = pieces.popFirst() {
                accountTaken()
                if pieces.claim == nil && !options.receivesInPieces { streamed = nil }
                if pieces.isEmpty { refillIfNeeded() }
                return piece
            }
            refillIfNeeded()
            guard pieces.isEmpty else { continue }
            if let endReached { throw endReached.error }
            if Task.isCancelled { throw .cancelled }
            await untilMore(of: pieces, reader.claim)
            // Meanwhile the connection may have let the stream go.
            guard pieces.claim === reader.claim else { return nil }
        }
    }

    private func untilMore(of pieces: IncomingPieces, _ claim: StreamClaim) async {
        await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { continuation in
                // More, or the end, may have come on the way here (see `resultAtOnce`).
                guard pieces.isEmpty, pieces.claim === claim, endReached == nil, !Task.isCancelled else {
                    return unsafe continuation.resume()
                }
                unsafe pieces.wait(continuation)
            }
        } onCancel: {
            scheduler.runLater { [self] in onOwnThread { $0.wakeStream(of: claim) } }
        }
    }

    private func wakeStream(of claim: StreamClaim) {
        if streamed?.claim === claim { streamed?.wake() }
    }

    /// A piece of a message that is received in pieces arrived; what nobody wants is thrown away.
    func deliver(_ fragment: MessageFragment) {
        if fragment.isFirst && !options.receivesInPieces { machine.delivery = .messages }
        let piece: Message =
            switch fragment.payload {
            case .text(let text): .text(text)
            case .binary(let bytes): .binary(bytes)
            }
        streamed?.append(piece, isFirst: fragment.isFirst, isFinal: fragment.isFinal)
        if fragment.isFinal { machine.holdsEnd = true }
    }

    /// Gives a message that comes back from a subscriber to the stream that waits for its first piece, if one does.
    func deliverToStream(_ message: Message) -> Bool {
        guard let pieces = streamed, pieces.claim != nil, !pieces.hasBegun, !options.receivesInPieces else {
            return false
        }
        machine.delivery = .messages
        pieces.append(message, isFirst: true, isFinal: true)
        return true
    }

    /// Nobody reads the stream any more.
    func abandonStream(of claim: StreamClaim) {
        guard let pieces = streamed, pieces.claim === claim else { return }
        let hadBegun = pieces.hasBegun
        pieces.abandon()
        if !options.receivesInPieces {
            // Pieces still to come of a message that has begun find no reader, and are thrown away.
            if !hadBegun { machine.delivery = .messages }
            streamed = nil
        }
        accountTaken()
        refillIfNeeded()
    }
}

/// One message, piece by piece as it arrives, never held as a whole. For one reader.
///
/// All pieces are text, or all are binary; a piece of text ends between characters. The pieces are what arrived
/// together, or waited together, not the peer's frames. Dropping the stream throws away what is left of the message.
public struct MessageStream: AsyncSequence, Sendable {
    /// A piece of the message: text or bytes, which are a part of its payload.
    public typealias Element = WebSocket.Message
    /// What reading throws when the rest of the message does not come; its `code` tells why.
    public typealias Failure = WebSocketError

    let reader: Reader

    /// Reads the pieces that nobody has taken yet. All iterators of a stream take from the same message.
    public func makeAsyncIterator() -> Iterator { Iterator(reader: reader) }

    /// Takes one piece of a message after the other, and holds the stream meanwhile.
    public struct Iterator: AsyncIteratorProtocol {
        let reader: Reader

        /// Takes the next piece, waiting for one without end; `nil` after the last.
        ///
        /// - Throws: `.cancelled` when the task was cancelled, which loses nothing; the connection's end, when it comes
        ///   before the message's.
        public mutating func next() async throws(WebSocketError) -> WebSocket.Message? {
            try await reader.connection.nextPiece(for: reader)
        }

        /// Takes the next piece, as `next()` does. `for try await` calls this one, from whatever actor it runs on.
        ///
        /// - Throws: as `next()`.
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

/// What has arrived of messages that are received in pieces, and who reads them.
///
/// On most connections there is one for one message, from `recvStream` to that message's end. On one that receives in
/// pieces it lasts, and several messages may wait in it.
@safe final class IncomingPieces {
    private struct Piece {
        var payload: WebSocket.Message
        var isFinal: Bool
    }

    /// Who reads the first message; `nil` while nobody does.
    private(set) var claim: StreamClaim?
    /// Whether any of the message of `claim` has arrived.
    private(set) var hasBegun = false
    private(set) var byteCount = 0
    /// Messages of which the last piece waits.
    private var messageCount = 0
    private var pieces = Deque<Piece>()
    /// Whether the message that arrives is wanted and not complete.
    private var isArriving = false
    private var waiter: UnsafeContinuation<Void, Never>?

    /// What comes in smaller pieces while nobody reads is joined to pieces of up to this length: or many small ones
    /// would take far more memory than they hold.
    private static let joinedCount = 16 << 10

    var isEmpty: Bool { pieces.isEmpty }

    /// Whether more may come. A piece always fits where none waits.
    func hasRoom(_ limits: WebSocket.Limits) -> Bool {
        pieces.isEmpty || (byteCount < limits.inboundBytes && messageCount < limits.inboundMessages)
    }

    // MARK: What arrives

    /// Takes a piece, unless it belongs to a message that nobody wants any more.
    func append(_ piece: WebSocket.Message, isFirst: Bool, isFinal: Bool) {
        guard isFirst || isArriving else { return }
        if claim != nil { hasBegun = true }
        isArriving = !isFinal
        byteCount += piece.byteCount
        if isFinal { messageCount += 1 }
        if isFirst || !joinToLast(piece, isFinal) { pieces.append(Piece(payload: piece, isFinal: isFinal)) }
        wake()
    }

    private func joinToLast(_ piece: WebSocket.Message, _ isFinal: Bool) -> Bool {
        guard let last = pieces.last, !last.isFinal,
            piece.byteCount == 0 || last.payload.byteCount + piece.byteCount <= IncomingPieces.joinedCount
        else { return false }
        pieces[pieces.count - 1].payload.append(piece)
        pieces[pieces.count - 1].isFinal = isFinal
        return true
    }

    // MARK: Who reads

    /// The first message, which has arrived, is arriving or is yet to come, is read by `claim` from here on.
    func begin(_ claim: StreamClaim) {
        self.claim = claim
        hasBegun = !pieces.isEmpty
    }

    /// Takes the next piece. With the last one of the message nobody reads any more.
    func popFirst() -> WebSocket.Message? {
        guard let piece = pieces.popFirst() else { return nil }
        byteCount -= piece.payload.byteCount
        if piece.isFinal {
            messageCount -= 1
            claim = nil
        }
        return piece.payload
    }

    /// Nobody reads any more: what is left of the message is thrown away, also what has not come yet.
    func abandon() {
        claim = nil
        wake()
        guard hasBegun else { return }
        while let piece = pieces.popFirst() {
            byteCount -= piece.payload.byteCount
            guard piece.isFinal else { continue }
            messageCount -= 1
            return
        }
        isArriving = false
    }

    func wait(_ continuation: UnsafeContinuation<Void, Never>) {
        wake()
        unsafe waiter = continuation
    }

    func wake() {
        let waiter = unsafe waiter
        unsafe self.waiter = nil
        unsafe waiter?.resume()
    }
}

extension WebSocket.Message {
    /// Goes on with what is of the same kind.
    fileprivate mutating func append(_ more: WebSocket.Message) {
        // What grows is let go of first, so that it is not copied.
        switch self {
        case .text(var text):
            guard case .text(let more) = more else { return }
            self = .text("")
            text += more
            self = .text(text)
        case .binary(var bytes):
            guard case .binary(let more) = more else { return }
            self = .binary([])
            bytes += more
            self = .binary(bytes)
        }
    }
}
