/// Why a supervisor could not be started, or would not do what it was asked for.
public struct SupervisorError: Error, Sendable, CustomStringConvertible {
    /// What went wrong. More may be added.
    public enum Code: Sendable, Hashable {
        /// A child could not be started: see `underlying`. Those that had been started were stopped.
        case startFailed
        /// The specification contradicts itself.
        case badSpecification
        /// A child of that id is there, and not running.
        case alreadyPresent
        /// The child is running.
        case alreadyRunning
        /// The child is about to be started again.
        case restarting
        /// There is no child of that id, or with that process.
        case notFound
        /// A dynamic supervisor has as many children as it may have.
        case tooManyChildren
        /// The supervisor has ended, or did while it was asked.
        case noSupervisor
        /// The child was not started within its `startWithin`.
        case startTimeout
        /// The child was being started when the supervisor was asked to end, or was to be.
        case startCancelled
        /// The supervisor has ended because this child ended, or could not be started again, more often than is allowed: see
        /// `underlying`.
        case gaveUp
        /// The supervisor has ended because its significant children had.
        case significantChildEnded
    }

    /// A code as an error by itself.
    struct CodeError: Error {
        let code: Code
        init(_ code: Code) { self.code = code }
    }

    public let code: Code
    /// The child it is about.
    public let child: String?
    /// What the child's start threw, or why it ended.
    public let underlying: (any Error)?
    /// What is wrong, and what to do.
    let advice: String?

    init(_ code: Code, child: String? = nil, underlying: (any Error)? = nil, advice: String? = nil) {
        self.code = code
        self.child = child
        self.underlying = underlying
        self.advice = advice
    }

    public var description: String {
        let child = child.map { "child \"\($0)\"" } ?? "the child"
        switch code {
        case .startFailed: return "\(child) could not be started: \(underlying.map { "\($0)" } ?? "unknown error")"
        case .badSpecification: return "\(child): \(advice ?? "its specification contradicts itself")"
        case .alreadyPresent: return "\(child) is there and stopped: restart it, or delete it first"
        case .alreadyRunning: return "\(child) is running: terminate it first"
        case .restarting: return "\(child) is about to be started again: terminate it first"
        case .notFound: return "there is no \(child)"
        case .tooManyChildren: return advice ?? "the supervisor has as many children as it may have"
        case .noSupervisor: return "the supervisor has ended"
        case .startTimeout: return advice ?? "its start took too long"
        case .startCancelled: return "its start was cancelled, since the supervisor is to end"
        case .gaveUp: return advice ?? "too many restarts"
        case .significantChildEnded: return "the significant children of supervisor \"\(self.child ?? "")\" have ended"
        }
    }
}

extension SupervisorError {
    /// A supervisor has restarted its children more often than it may, last because of this one.
    static func gaveUp(
        _ supervisor: String, _ child: String, _ reason: ExitReason, _ allowed: Int, _ period: Duration
    ) -> SupervisorError {
        let limit = allowed == 1 ? "1 restart" : "\(allowed) restarts"
        return SupervisorError(
            .gaveUp, child: child, underlying: reason,
            advice: "supervisor \"\(supervisor)\" gave up after \(limit) in \(period), since child \"\(child)\" ended with: \(reason)")
    }

    /// A start has taken longer than it may.
    static func startTimeout(_ child: String, _ limit: Duration) -> SupervisorError {
        SupervisorError(.startTimeout, child: child, advice: "its start took longer than \(limit)")
    }
}
