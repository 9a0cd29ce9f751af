/// A part of a message, delivered as it arrives (RFC 6455 section 5.4).
///
/// Where the sender cut its frames means nothing, so a part is whatever could be delivered at once: a long frame comes in
/// several parts, and text is never cut inside a character's encoding.
public struct MessageFragment: Hashable, Sendable {
    /// What the part holds. All parts of one message are of the same kind.
    public enum Payload: Hashable, Sendable {
        case text(String)
        case binary([UInt8])
    }

    public var payload: Payload
    /// Whether the message begins with this part.
    public var isFirst: Bool
    /// Whether the message is complete with this part.
    public var isFinal: Bool

    public init(payload: Payload, isFirst: Bool, isFinal: Bool) {
        self.payload = payload
        self.isFirst = isFirst
        self.isFinal = isFinal
    }
}
