/// Why a call had no reply, or a message could not be sent.
public struct CallError: Error, Sendable, CustomStringConvertible {
    /// What went wrong. More may be added.
    public enum Code: Sendable, Hashable {
        /// No reply came in time. One that comes later is dropped.
        case timeout
        /// The process had ended before.
        case noProcess
        /// The process ended before it replied: see `reason`.
        case exited
        /// A process called itself, which it could never answer.
        case calledSelf
        /// The reply token was dropped without a reply.
        case replyDropped
        /// The calling task was cancelled.
        case cancelled
    }

    public let code: Code
    /// Who was called.
    public let pid: PID
    /// Why the called process ended, for `.exited`.
    public let reason: ExitReason?
    /// How long the caller waited, for `.timeout`.
    public let timeout: Duration?

    init(_ code: Code, _ pid: PID, reason: ExitReason? = nil, timeout: Duration? = nil) {
        self.code = code
        self.pid = pid
        self.reason = reason
        self.timeout = timeout
    }

    public var description: String {
        switch code {
        case .timeout: "\(pid) did not reply within \(timeout.map { "\($0)" } ?? "its time")"
        case .noProcess: "\(pid) has ended: nobody is there to reply"
        case .exited: "\(pid) ended before it replied: \(reason?.description ?? "unknown reason")"
        case .calledSelf: "\(pid) called itself and could never reply: do what the call asks for directly"
        case .replyDropped: "\(pid) dropped the reply token without a reply"
        case .cancelled: "the task that called \(pid) was cancelled"
        }
    }
}
