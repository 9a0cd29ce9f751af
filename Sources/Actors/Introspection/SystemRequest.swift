/// What introspection asks of a process between two messages.
@usableFromInline
enum SystemRequest: Sendable {
    /// To describe its state; `nil` if it has none to show.
    case state(@Sendable (String?) -> Void)

    /// To end, for a reason, within so long: between two messages, also if it traps exits. `nil`: as long as it takes.
    case stop(ExitReason, grace: Duration?)

    func answerNothing() {
        switch self {
        case .stop: break
        case .state(let answer): answer(nil)
        }
    }
}

/// What a trace of a process shows.
public struct TraceEvent: Sendable {
    public enum Kind: Sendable, Hashable {
        /// A message came into the mailbox.
        case arrived
        /// The body took a message.
        case taken
    }

    public let process: PID
    public let kind: Kind
    /// The message, as text.
    public let message: String
}
