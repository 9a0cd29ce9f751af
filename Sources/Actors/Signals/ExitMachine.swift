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
