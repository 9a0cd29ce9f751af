internal import DequeModule
internal import WSProtocol

/// What has arrived of the message that is being streamed, and who waits for more.
@safe final class IncomingPieces {
    let claim: StreamClaim
    /// Whether the message has begun; before, any may be the one.
    private(set) var hasBegun = false
    private(set) var hasEnded = false
    private(set) var byteCount = 0
    private var pieces = Deque<WebSocket.Message>()
    private var waiter: UnsafeContinuation<Void, Never>?

    init(for claim: StreamClaim) { self.claim = claim }

    var isEmpty: Bool { pieces.isEmpty }

    func append(_ piece: WebSocket.Message, isFinal: Bool) {
        hasBegun = true
        hasEnded = isFinal
        byteCount += piece.byteCount
        pieces.append(piece)
        wake()
    }

    func popFirst() -> WebSocket.Message? {
        guard let piece = pieces.popFirst() else { return nil }
        byteCount -= piece.byteCount
        return piece
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
