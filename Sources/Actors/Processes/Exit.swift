/// Why a process ended. (OTP: exit reasons.)
///
/// A body that throws one ends for that reason: `throw ExitReason.shutdown("nothing left to do")`.
///
/// It is compared with `==`, and matched by its kind or taken apart by its cause:
///
///     switch reason {
///     case .normal, .shutdown: break             // also .shutdown("with a detail")
///     case .error: log(reason.error(as: BankError.self))
///     default: log(reason)
///     }
///
///     switch reason.cause {
///     case .error(let error): log(error)
///     default: break
///     }
public struct ExitReason: Error, Equatable, CustomStringConvertible {
    /// What sort of end it was. More may be added: keep a default where you switch.
    public struct Kind: Sendable, Hashable, CustomStringConvertible {
        /// A byte, of which every process has some.
        private enum Name: String {
            case normal, shutdown, kill, killed, noProcess, error
        }

        private let name: Name

        private init(_ name: Name) { self.name = name }

        /// Its name, as in `noProcess`.
        public var description: String { name.rawValue }

        /// The body returned.
        public static let normal = Kind(.normal)
        /// It was asked to end in good order.
        public static let shutdown = Kind(.shutdown)
        /// It is to be marked dead at once.
        public static let kill = Kind(.kill)
        /// It was killed: what others see of `.kill`.
        public static let killed = Kind(.killed)
        /// There was no such process, or no longer.
        public static let noProcess = Kind(.noProcess)
        /// The body threw.
        public static let error = Kind(.error)
    }

    /// What few reasons have: every process has room for one, and most end for none in particular.
    private let particulars: Particulars?
    /// What sort of end it was: what to switch over.
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
    public static func shutdown(_ detail: String) -> ExitReason {
        ExitReason(.shutdown, Particulars(detail: detail, error: nil))
    }

    /// A supervisor has ended by itself.
    static func shutdown(because error: SupervisorError) -> ExitReason {
        ExitReason(.shutdown, Particulars(detail: nil, error: error))
    }

    /// The body threw `error`.
    public static func error(_ error: any Error) -> ExitReason {
        ExitReason(.error, Particulars(detail: nil, error: error))
    }

    /// What the body threw, if it is of that type. (Of a supervisor that has ended by itself: a `SupervisorError`.)
    public func error<E: Error>(as type: E.Type) -> E? { error as? E }

    /// Whether two are the same: of one kind, with the same detail, and with errors that are equal.
    ///
    /// Errors are compared as their type does it, if they are of one type that is `Equatable`. Others are only equal in
    /// copies of one reason, as those who hear of the same end have them.
    public static func == (a: ExitReason, b: ExitReason) -> Bool {
        if a.kind != b.kind { return false }
        if a.particulars === b.particulars { return true }
        return a.detail == b.detail && areEqual(a.error, b.error)
    }

    private static func areEqual(_ a: (any Error)?, _ b: (any Error)?) -> Bool {
        guard let a, let b else { return a == nil && b == nil }
        return (a as? any Equatable)?.equals(b) ?? false
    }

    /// Whether a reason is of a kind: what `case .shutdown:` asks, whatever the detail.
    public static func ~= (kind: Kind, reason: ExitReason) -> Bool { kind == reason.kind }

    /// A reason taken apart, for a `switch` that wants what it carries.
    ///
    /// More cases may be added: outside this package a `switch` over it needs a default.
    @nonexhaustive public enum Cause: Sendable {
        /// The body returned.
        case normal
        /// It was asked to end in good order.
        case shutdown(detail: String?)
        /// It is to be marked dead at once.
        case kill
        /// It was killed.
        case killed
        /// There was no such process, or no longer.
        case noProcess
        /// The body threw.
        case error(any Error)
    }

    /// The reason taken apart: `if case .error(let error) = reason.cause { … }`.
    public var cause: Cause {
        switch kind {
        case .normal: .normal
        case .kill: .kill
        case .killed: .killed
        case .noProcess: .noProcess
        case .error: if let error { .error(error) } else { .error(self) }
        default: .shutdown(detail: detail)
        }
    }

    /// Whether it is an end in good order: `.normal`, `.shutdown` or `.shutdown(detail)`. A transient child is not
    /// started again after it.
    public var isOrderly: Bool { kind == .normal || kind == .shutdown }

    /// Whether it is a failure: of a process that has failed by itself it is reported as a crash.
    var isCrash: Bool { kind == .error }

    public var description: String {
        switch kind {
        case .shutdown: detail.map { "shutdown(\($0))" } ?? error.map { "shutdown: \($0)" } ?? "shutdown"
        case .error: "error(\(error.map { "\($0)" } ?? "unknown"))"
        case .noProcess: "no process"
        default: kind.description
        }
    }
}

extension Equatable {
    /// Whether something of any type is of this one and equal.
    fileprivate func equals(_ other: any Error) -> Bool { other as? Self == self }
}

/// An exit signal that was trapped: a linked process has ended, or somebody asks this one to. (OTP: `{'EXIT', From,
/// Reason}`.)
public struct ExitSignal: Sendable {
    /// Who ended, or asked; `nil` for code outside any process.
    public let from: PID?
    /// Why.
    public let reason: ExitReason
    /// How long the process may then take, if it ends; `nil`: as long as it takes.
    let grace: Duration?
}

/// What a monitor tells, once: a process has ended.
public struct Down: Sendable {
    /// Which monitor tells it.
    public let monitor: MonitorReference
    /// Which process ended.
    public let pid: PID
    /// Why. `.noProcess` when it had ended before the monitor came.
    public let reason: ExitReason
}

/// One monitor of one process on another.
public struct MonitorReference: Sendable, Hashable {
    let id: UInt64
    let target: PID
}

/// The life of a process and what exit signals do to it, as a value. (OTP reference manual: receiving exit signals.)
struct ExitMachine {
    enum Life {
        case running
        case exiting(ExitReason, Source)
        case dead(ExitReason)
    }

    /// Where an exit signal comes from.
    enum Source: Hashable, CaseIterable {
        /// The process sent it to itself.
        case oneself
        /// Another process, or code outside any, asks for it.
        case request
        /// A linked process has ended.
        case link
        /// The runtime itself makes it end: cannot be trapped.
        case runtime
    }

    enum Decision: Hashable {
        case ignore
        /// The signal becomes a message.
        case deliver
        /// The process is to end; its body may finish what it does.
        case exit
        /// The process counts as dead now.
        case die
    }

    private(set) var life = Life.running
    var trapsExits = false

    /// The reason it is ending or has ended with, if it is or has.
    var reason: ExitReason? {
        switch life {
        case .running: nil
        case .exiting(let reason, _), .dead(let reason): reason
        }
    }

    /// Whether its end is its own doing, and not what others have asked for or a linked process has passed on.
    var endsByItself: Bool {
        switch life {
        case .running: true
        case .exiting(_, let source): source == .oneself || source == .runtime
        case .dead: false
        }
    }

    var isDead: Bool { if case .dead = life { true } else { false } }

    var isRunning: Bool { if case .running = life { true } else { false } }

    /// An exit signal has arrived.
    mutating func receive(_ reason: ExitReason, from source: Source) -> Decision {
        // Only `exit(pid, .kill)` kills; a linked process that was killed sends `.killed`, a reason like any other.
        let kills = reason.kind == .kill && source != .link
        switch life {
        case .dead: return .ignore
        case .exiting: return kills ? .die : .ignore
        case .running where kills: return .die
        case .running where source == .runtime: break
        case .running where trapsExits: return .deliver
        case .running where reason.kind == .normal && source != .oneself: return .ignore
        case .running: break
        }
        life = .exiting(reason, source)
        return .exit
    }

    /// The process has begun to end by itself: a server that terminates.
    mutating func beginEnd(_ reason: ExitReason) {
        if isRunning { life = .exiting(reason, .oneself) }
    }

    /// The process ends by an error of which whoever asked for its work is told: that is no crash.
    mutating func beginToldEnd(_ reason: ExitReason) {
        if isRunning { life = .exiting(reason, .request) }
    }

    /// The process has ended. Whether it had not before.
    mutating func end(_ reason: ExitReason) -> Bool {
        if isDead { return false }
        life = .dead(reason)
        return true
    }
}
