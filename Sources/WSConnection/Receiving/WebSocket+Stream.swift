internal import Actors
internal import WSProtocol

/// Receiving a message without holding the whole of it.
extension WebSocket {
    /// Takes the next message as a stream of its pieces. Memory stays within the limit `inboundBytes`, however large
    /// the limit `messageSize` lets the message be; while the reader is slow, the socket is not read.
    ///
    /// A message that has arrived already, or is arriving, comes as one piece. Messages after it wait for `recv`.
    ///
    /// - Throws: `.misuse` while another message is streamed or a `recv` waits; `.activeMode` while a subscriber is
    ///   told; the connection's end when nothing more is to come. The stream then throws as `recv` does.
    public func recvStream() throws(WebSocketError) -> MessageStream {
        guard credits == 0 else {
            throw WebSocketError(.activeMode, "frames go to the subscriber; setActive(.off) first")
        }
        guard streamed == nil, receivers.isEmpty, messageHandler == nil else {
            throw WebSocketError(.misuse, "somebody else receives the next message; let that end first")
        }
        if let outcome, inbound.messageCount == 0, backlog.isEmpty { throw outcome.error }
        let reader = MessageStream.Reader(self)
        let pieces = IncomingPieces(for: ObjectIdentifier(reader))
        streamed = pieces
        if let message = inbound.popMessage() {
            pieces.append(message, isFinal: true)
        } else {
            machine.delivery = .fragments
        }
        return MessageStream(reader: reader)
    }

    func nextPiece(for reader: MessageStream.Reader) async throws(WebSocketError) -> Message? {
        guard let pieces = streamed, pieces.reader == ObjectIdentifier(reader) else { return nil }
        while true {
            if let piece = pieces.popFirst() {
                if pieces.isEmpty { refillIfNeeded() }
                return piece
            }
            if pieces.hasEnded {
                streamed = nil
                refillIfNeeded()
                return nil
            }
            refillIfNeeded()
            guard pieces.isEmpty else { continue }
            if let endReached { throw endReached.error }
            if Task.isCancelled { throw .cancelled }
            await untilMore(of: pieces)
        }
    }

    private func untilMore(of pieces: IncomingPieces) async {
        let reader = pieces.reader
        await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { continuation in
                // More, or the end, may have come on the way here (see `resultAtOnce`).
                guard pieces.isEmpty, !pieces.hasEnded, endReached == nil, !Task.isCancelled else {
                    return unsafe continuation.resume()
                }
                unsafe pieces.wait(continuation)
            }
        } onCancel: {
            scheduler.runLater { [self] in onOwnThread { $0.wakeStream(of: reader) } }
        }
    }

    private func wakeStream(of reader: ObjectIdentifier) {
        if streamed?.reader == reader { streamed?.wake() }
    }

    /// A piece of the message that is streamed arrived; without a reader it is thrown away.
    func deliver(_ fragment: MessageFragment) {
        // Only this message is streamed. What is left of one that nobody reads any more is not the next reader's.
        if fragment.isFirst { machine.delivery = .messages } else if streamed?.hasBegun != true { return }
        let piece: Message =
            switch fragment.payload {
            case .text(let text): .text(text)
            case .binary(let bytes): .binary(bytes)
            }
        streamed?.append(piece, isFinal: fragment.isFinal)
        if fragment.isFinal { machine.holdsEnd = true }
    }

    /// Gives a whole message to the stream that waits for its first piece, if one does.
    func deliverToStream(_ message: Message) -> Bool {
        guard let pieces = streamed, !pieces.hasBegun else { return false }
        machine.delivery = .messages
        pieces.append(message, isFinal: true)
        return true
    }

    /// Nobody reads the stream any more.
    func abandonStream(of reader: ObjectIdentifier) {
        guard let pieces = streamed, pieces.reader == reader else { return }
        // Pieces still to come of a message that has begun find no reader, and are thrown away.
        if !pieces.hasBegun { machine.delivery = .messages }
        streamed = nil
        refillIfNeeded()
    }
}
