internal import DequeModule

/// What has arrived of messages that are received in pieces, and who reads them.
///
/// On most connections there is one for one message, from `recvStream` to that message's end. On one that receives in pieces
/// it lasts, and several messages may wait in it.
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

    /// What comes in smaller pieces while nobody reads is joined to pieces of up to this length: or many small ones would
    /// take far more memory than they hold.
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
