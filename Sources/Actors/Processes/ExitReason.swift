/// Why a process ended. (OTP: exit reasons.)
///
/// A body that throws one ends for that reason: `throw ExitReason.shutdown("nothing left to do")`.
public struct ExitReason: Error, CustomStringConvertible {
    /// What sort of end it was. More may be added.
    public enum Kind: Sendable, Hashable {
        case normal, shutdown, kill, killed, noProcess, error
    }

    /// What few reasons have: every process has room for one, and most end for none in particular.
    private let particulars: Particulars?
    public let kind: Kind

    private final class Particulars: Sendable {
        let detail: String?
        let error: (any Error)?

        init(detail: String?, error: (any Error)?) {
            self.detail = detail
            self.error = error
        }
    }

    private init(_ kind: Kind, _ particulars: Particulars? = nil) {
        self.kind = kind
        self.particulars = particulars
    }

    /// What `shutdown(_:)` was given.
    public var detail: String? { particulars?.detail }
    /// What the body threw. Of a supervisor that has ended by itself, with `.shutdown`: why, a `SupervisorError`.
    public var error: (any Error)? { particulars?.error }

    /// The body returned.
    public static let normal = ExitReason(.normal)
    /// It was asked to end in good order.
    public static let shutdown = ExitReason(.shutdown)
    /// It is to be marked dead at once: cannot be trapped.
    public static let kill = ExitReason(.kill)
    /// It was killed: what others see of `.kill`.
    public static let killed = ExitReason(.killed)
    /// There was no such process, or no longer.
    public static let noProcess = ExitReason(.noProcess)

    /// It was asked to end in good order, for the reason given.
    public static func shutdown(_ detail: String) -> ExitReason { ExitReason(.shutdown, Particulars(detail: detail, error: nil)) }

    /// A supervisor has ended by itself.
    static func shutdown(because error: SupervisorError) -> ExitReason {
        ExitReason(.shutdown, Particulars(detail: nil, error: error))
    }

    /// The body threw `error`.
    public static func error(_ error: any Error) -> ExitReason { ExitReason(.error, Particulars(detail: nil, error: error)) }

    /// Whether it is an end in good order: `.normal`, `.shutdown` or `.shutdown(detail)`. A transient child is not started
    /// again after it.
    public var isOrderly: Bool { kind == .normal || kind == .shutdown }

    /// Whether it is a failure: of a process that has failed by itself it is reported as a crash.
    var isCrash: Bool { kind == .error }

    public var description: String {
        switch kind {
        case .shutdown: detail.map { "shutdown(\($0))" } ?? error.map { "shutdown: \($0)" } ?? "shutdown"
        case .error: "error(\(error.map { "\($0)" } ?? "unknown"))"
        case .normal: "normal"
        case .kill: "kill"
        case .killed: "killed"
        case .noProcess: "no process"
        }
    }
}
