/// A process ended with an error. (OTP: crash reports of `proc_lib`, and what a `gen_server` reports when it terminates.)
///
/// What it was handling and its state are told of servers and state machines, which say themselves how they are shown:
/// see `Server.stateDescription` and `Server.description(ofCall:)`. Of a process with a body of its own they are not
/// known, since a message belongs to the body once that has taken it.
public struct CrashReport: Sendable {
    /// Which process ended.
    public let process: ProcessIdentity
    /// Why it ended: of the kind `.error`, with what its body threw.
    public let reason: ExitReason
    /// The number of the process that started it.
    public let parent: UInt64?
    /// Its supervisors: who started it, who started that, and so on, the nearest first, as far as each is linked to the
    /// next; at most 8. (OTP: `ancestors`.)
    public let ancestors: [ProcessIdentity]
    /// What a server was handling when it failed, as text: `call(…)`, `cast(…)`, `info(…)`, `continue(with: …)` or
    /// `timeout`; of a state machine `event(…)`, `info(…)`, or which timeout. At most `SystemSettings.crashTextLimit` bytes.
    public let handling: String?
    /// A server's state as text, as its handler has left it, before `terminate`; of a state machine its state and its
    /// data. At most `SystemSettings.crashTextLimit` bytes.
    public let state: String?
    /// The last that has happened to it, the oldest first, if `Process.keepTrace(last:)` asked for that.
    public let trace: [TraceEvent]
    /// How many messages waited.
    public let mailboxLength: Int
    /// Who was linked to it and will hear of it.
    public let links: [PID]
    /// How long it lived.
    public let age: Duration
}

/// What a process notes about its crash before it counts as dead, while its own code can be asked.
struct CrashNotes {
    var handling: String?
    var state: String?
    var mailboxLength = 0
    var trace: [TraceEvent] = []
}

extension Process {
    /// A handler has failed, or says that the process is to end: what it was handling is noted, if that will be
    /// reported.
    ///
    /// To describe a message is code of the user's: whoever calls this takes nothing for granted behind it.
    @usableFromInline
    @inline(never)
    func noteHandling(_ reason: ExitReason, _ describe: () -> String) {
        guard core.isToldInFull(reason) else { return }
        let text = describe()
        makeSpecial().crash.handling = bounded(text)
    }

    /// The same for its state.
    func noteState(_ reason: ExitReason, _ describe: () -> String) {
        guard core.isToldInFull(reason) else { return }
        let text = describe()
        makeSpecial().crash.state = bounded(text)
    }

    /// Notes how many messages wait, before they are dropped.
    func noteMailbox() { makeSpecial().crash.mailboxLength = queue.count }

    private func bounded(_ text: String) -> String { text.bounded(to: core.scheduler.settings.crashTextLimit) }
}

extension ProcessCore {
    /// Whether an end for this reason, if it came now, would be one by its own failure.
    func failsByItself(_ reason: ExitReason) -> Bool { reason.isCrash && machine.endsByItself }

    /// Whether a report of such an end is to have texts.
    func isToldInFull(_ reason: ExitReason) -> Bool {
        failsByItself(reason) && scheduler.settings.crashTextLimit > 0
    }

    /// For a process that is about to end.
    func crashReport(_ reason: ExitReason, _ notes: CrashNotes?) -> SystemEvent {
        .crash(
            CrashReport(
                process: identity, reason: reason, parent: parent, ancestors: ancestors, handling: notes?.handling,
                state: notes?.state, trace: notes?.trace ?? [],
                mailboxLength: notes?.mailboxLength ?? (unsafe host?.activity.waiting) ?? 0,
                links: peers, age: scheduler.age(since: startedAt)))
    }

    /// Those above it, as far as links lead.
    private var ancestors: [ProcessIdentity] {
        var found: [ProcessIdentity] = []
        var below = self
        while found.count < 8, let parent = below.parent,
            let above = below.withLinks({ $0.find(among: 64) { $0.id == parent } }) ?? nil
        {
            found.append(above.core.identity)
            below = above.core
        }
        return found
    }
}

extension String {
    /// The text, if it has at most `limit` bytes; else so many of them, and how many are left out.
    func bounded(to limit: Int) -> String {
        let count = utf8.count
        guard count > limit else { return self }
        var end = utf8.index(startIndex, offsetBy: limit)
        while end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        let kept = self[..<end]
        return "\(kept)... (\(count - kept.utf8.count) bytes more)"
    }
}

/// How what arrives at a server is shown, by whatever shows it.
extension ServerMessage: CustomStringConvertible, CustomDebugStringConvertible {
    /// The message as its server describes it: `call(…)`, `cast(…)` or `info(…)`.
    public var description: String {
        switch self {
        case .call(let call): "call(\(S.description(ofCall: call)))"
        case .cast(let cast): "cast(\(S.description(ofCast: cast)))"
        // All that comes to a machine or a stage is an info of its server's, which says itself what it is.
        case .info(let info) where S.self is any MessageDescriber.Type: S.description(ofInfo: info)
        case .info(let info): "info(\(S.description(ofInfo: info)))"
        case .within(_, let message): message.description
        }
    }

    /// The same as `description`.
    public var debugDescription: String { description }
}

/// A server that is something else inside, whose infos say what they are: a state machine, or a stage of a pipeline.
protocol MessageDescriber: Server {}

extension StateMachineServer: MessageDescriber {}
extension StageServer: MessageDescriber {}

extension StateMachineServer.Info: CustomStringConvertible, CustomDebugStringConvertible {
    /// What has come, as the machine describes it: `event(…)`, `info(…)`, or which timeout.
    public var description: String {
        switch self {
        case .event(let event): "event(\(Machine.description(ofEvent: event)))"
        case .info(let info): "info(\(Machine.description(ofInfo: info)))"
        case .timeout: "state timeout"
        case .named(let name, _): "timeout(\(name))"
        case .eventTimeout: "event timeout"
        }
    }

    /// The same as `description`.
    public var debugDescription: String { description }
}
