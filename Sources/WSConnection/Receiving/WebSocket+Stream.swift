internal import Actors
internal import WSProtocol

/// Receiving a message without holding the whole of it.
extension WebSocket {
    /// Takes the next message as a stream of its pieces. Memory stays within the limit `inboundBytes`, however large
    /// the limit `streamedMessageSize` lets the message be; while the reader is slow, the socket is not read.
    ///
    /// A message that is arriving is streamed from where it is; one that has arrived already comes as one piece, unless the
    /// connection receives in pieces (the option `receivesInPieces`): then none was ever held as a whole. Messages behind it
    /// wait for the next call, or for `recv`.
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
        guard let pieces = streamed, pieces.claim != nil, !pieces.hasBegun, !options.receivesInPieces else { return false }
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
