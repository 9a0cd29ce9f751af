internal import WSProtocol

/// What a call of `send` wants to put into the output, all at once.
enum Outgoing: Sendable {
    case message(WebSocket.Message, compress: Bool? = nil)
    /// A message that was encoded once for many.
    case encoded(EncodedMessage)
    /// A message in frames of at most so many bytes.
    case split(WebSocket.Message, frameSize: Int, compress: Bool? = nil)
    /// Messages that nothing may come between.
    case batch([WebSocket.Message])
    /// To begin a fragmented message, which nobody else's data may interrupt.
    case beginning
    /// A part of the fragmented message that has begun: it goes before everyone who waits.
    case fragment(WebSocket.Message, isFinal: Bool)

    var isFragment: Bool {
        if case .fragment = self { true } else { false }
    }
}
