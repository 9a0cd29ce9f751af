internal import Actors

/// What reaches a scripted process.
enum Input: Sendable {
    /// From the controller: do this, and say when it is done.
    case order([String], Completion)
    /// From the controller: a sign of life is wanted.
    case ping(Reply<Void>)
    case mail(from: String, String)
    /// One of several that are sent in a row, and which is the last.
    case number(Int, last: Int)
    /// What a process sends itself while it spins.
    case spin
    case timer(String)
    case exit(ExitSignal)
    case down(Down)
    case call(from: String, String, Reply<String>)
    case group(String, GroupChange)

    /// Whether it is the controller's word and no part of the scenario.
    var isControl: Bool {
        switch self {
        case .order, .ping: true
        default: false
        }
    }

    /// What `a takes ...` says of it.
    func isTaken(by wanted: String) -> Bool {
        if isControl { return false }
        switch self {
        case .mail(_, wanted): return true
        case .exit: return wanted == "exit" || wanted == "anything"
        case .down: return wanted == "down" || wanted == "anything"
        case .timer: return wanted == "timer" || wanted == "anything"
        case .number, .spin: return false
        default: return wanted == "anything"
        }
    }
}
