/// How received messages are handed out.
public enum Delivery: Hashable, Sendable {
    /// Whole: fragments are joined.
    case messages
    /// Part by part, without holding the whole.
    case fragments
}
