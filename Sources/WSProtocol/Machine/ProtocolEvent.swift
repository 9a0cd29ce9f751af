/// What the peer's bytes came to.
public enum ProtocolEvent: Hashable, Sendable {
    /// A whole text message (RFC 6455 section 5.6).
    case text(String)
    /// A whole binary message (RFC 6455 section 5.6).
    case binary([UInt8])
    /// A part of a message, while `delivery` is `.fragments`.
    case fragment(MessageFragment)
    /// A ping. Its pong is queued already, while the connection is open (RFC 6455 section 5.5.2).
    case ping([UInt8])
    /// A pong, asked for or not (RFC 6455 section 5.5.3).
    case pong([UInt8])
    /// The peer's close frame. The reply with the same code is queued already, unless we had sent ours
    /// (RFC 6455 section 5.5.1).
    case close(CloseFrame)
    /// The peer broke a rule or a limit. The close frame is queued already, unless we had sent one; nothing of the bad frame
    /// is delivered, and what follows is swallowed (RFC 6455 section 7.1.7).
    case failure(ProtocolFailure)
}
