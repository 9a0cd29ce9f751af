internal import DequeModule

/// What a trace of a process shows.
public struct TraceEvent: Sendable {
    /// What has happened.
    ///
    /// More cases may be added: outside this package a `switch` over it needs a default.
    @nonexhaustive public enum Kind: Sendable, Hashable, CaseIterable {
        /// A message came into the mailbox.
        case arrived
        /// The body took a message.
        case taken
        /// The body wants the next message, so it is done with this one: a server's handler has returned.
        case handled
        /// A server goes on with something before it takes a message.
        case continued
        /// A server's time without a message is over.
        case timedOut
        /// The process was asked to end, for the reason that is the text.
        case exiting
        /// The process has ended, for the reason that is the text.
        case ended
    }

    /// Which process is traced.
    public let process: PID
    /// What has happened.
    public let kind: Kind
    /// The message as text, as a server describes it; of an end its reason.
    public let message: String
}

/// Who is shown what happens to a process, which part of it, and how long. (OTP: `sys:install/2`.)
final class Tracer<Message: Sendable> {
    let kinds: Set<TraceEvent.Kind>
    let isWanted: (@Sendable (Message) -> Bool)?
    let show: @Sendable (TraceEvent) -> Void
    /// How many events it is shown yet.
    var left: Int
    /// Rings when its time is over.
    var deadline: Alarm?

    init(
        _ kinds: Set<TraceEvent.Kind>, atMost limit: Int, where isWanted: (@Sendable (Message) -> Bool)?,
        _ show: @escaping @Sendable (TraceEvent) -> Void
    ) {
        self.kinds = kinds
        self.isWanted = isWanted
        self.show = show
        left = limit
    }
}

/// The last events of a process, for the report if it crashes. (OTP: `sys:log/2`.)
struct TraceHistory {
    /// How many are kept at most, whatever is asked for.
    static let most = 1_000
    /// How many bytes of each text.
    static let textLimit = 256

    let limit: Int
    private(set) var events = Deque<TraceEvent>()

    init(limit: Int) { self.limit = min(limit, TraceHistory.most) }

    /// Keeps one more, and forgets the oldest for it.
    mutating func add(_ kind: TraceEvent.Kind, _ process: PID, _ text: String) {
        if events.count == limit { events.removeFirst() }
        events.append(TraceEvent(process: process, kind: kind, message: text.bounded(to: TraceHistory.textLimit)))
    }
}

/// A message that may be inside another, which brings something along.
protocol BareMessage {
    /// The message itself.
    var bare: Self { get }
}

extension ServerMessage: BareMessage {
    var bare: ServerMessage { if case .within(_, let message) = self { message.bare } else { self } }
}

/// What a predicate is asked about: it knows nothing of what a call brings along.
private func bare<Message>(_ message: Message) -> Message {
    func open(_ message: some BareMessage) -> Message? { message.bare as? Message }
    return (message as? any BareMessage).flatMap { open($0) } ?? message
}

/// Watching what one process does. Others cost that nothing: a process that is traced is not plain.
extension Process {
    /// A message whose handling is traced.
    struct Traced {
        let text: String
        /// Whom to show that it was handled.
        let tracer: Tracer<Message>?
    }

    /// Shows what happens to the process from now on: messages that arrive, that the body takes and has handled, what a
    /// server goes on with, timeouts, and its end. (OTP: `sys:trace/2`, `sys:install/2`.)
    ///
    ///     server.process.trace(only: [.taken], atMost: 100, for: .seconds(60)) { print($0.message) }
    ///
    /// A process has one trace: another takes its place, and `trace(nil)` ends it. What a process sends is not shown:
    /// trace who gets it.
    ///
    /// - Parameters:
    ///   - kinds: what is shown; default: everything.
    ///   - limit: after how many events it ends by itself; `nil`: as many as come.
    ///   - duration: after how long it ends by itself; `nil`: as long as the process lives.
    ///   - isWanted: which messages are shown; default: all. It is called on the process's thread, before a message is
    ///     made a text, for each that arrives or is taken; what is no message it is not asked about.
    ///   - tracer: called on the process's thread; it must not block.
    public nonisolated func trace(
        only kinds: Set<TraceEvent.Kind> = Set(TraceEvent.Kind.allCases), atMost limit: Int? = nil,
        for duration: Duration? = nil, where isWanted: (@Sendable (Message) -> Bool)? = nil,
        _ tracer: (@Sendable (TraceEvent) -> Void)?
    ) {
        core.scheduler.run { [self] in
            onOwnThread { me in
                guard me.isOpen else { return }
                let limit = limit ?? .max
                guard let tracer, limit > 0 else { return me.install(nil) }
                let installed = Tracer(kinds, atMost: limit, where: isWanted, tracer)
                me.install(installed)
                if let duration { me.end(installed, after: duration) }
            }
        }
    }

    /// Keeps the last `count` events of the process, at most 1,000, for the report if it crashes (`CrashReport.trace`);
    /// 0 ends that. Of each text 256 bytes are kept. (OTP: `sys:log/2`.)
    ///
    /// Every message becomes a text then: it is meant for a process that fails and nobody knows why.
    public nonisolated func keepTrace(last count: Int) {
        core.scheduler.run { [self] in
            onOwnThread { me in
                guard me.isOpen else { return }
                let special = me.makeSpecial()
                special.history = count > 0 ? TraceHistory(limit: count) : nil
                if !special.isTraced { special.traced = nil }
                me.updatePlainness()
            }
        }
    }

    /// Puts a tracer, or none, in the place of the one that is there.
    private func install(_ tracer: Tracer<Message>?) {
        let special = makeSpecial()
        let before = special.tracer
        special.tracer = tracer
        if !special.isTraced { special.traced = nil }
        if let deadline = before?.deadline { core.scheduler.disarm(deadline) }
        before?.deadline = nil
        updatePlainness()
        // What the closures hold goes only now.
        withExtendedLifetime(before) {}
    }

    private func end(_ tracer: Tracer<Message>, after duration: Duration) {
        // Whoever takes the tracer's place disarms it: so the one that is there when it rings is this one.
        let alarm = Alarm { [weak self] in self?.onOwnThread { $0.install(nil) } }
        tracer.deadline = alarm
        core.scheduler.arm(alarm, after: duration)
    }

    // MARK: What happens

    // The predicate, the description of a message and the tracer are code of the user's, which may end the process or the
    // trace. So each comes when all is in its place, and behind it is asked again who is to be shown what.

    /// A message has arrived or was taken.
    func trace(_ kind: TraceEvent.Kind, _ message: Message) {
        guard let special, special.isTraced else { return }
        let begins = kind == .taken
        var tracer = special.tracer
        if let found = tracer {
            let isShown = found.kinds.contains(kind) || begins && found.kinds.contains(.handled)
            if !isShown || found.isWanted?(bare(message)) == false { tracer = nil }
        }
        guard tracer != nil || special.history != nil else { return }
        let text = "\(message)"
        if begins && isOpen && special.isTraced { special.traced = Traced(text: text, tracer: tracer) }
        show(kind, text, tracer)
    }

    /// Something else has happened.
    func trace(_ kind: TraceEvent.Kind, text: @autoclosure () -> String) {
        guard let special, special.isTraced else { return }
        let tracer = special.tracer?.kinds.contains(kind) == true ? special.tracer : nil
        guard tracer != nil || special.history != nil else { return }
        show(kind, text(), tracer)
    }

    /// The body wants another message, so it is done with the one it took last.
    func traceHandled() {
        guard let special, let traced = special.traced else { return }
        special.traced = nil
        show(.handled, traced.text, traced.tracer)
    }

    private func show(_ kind: TraceEvent.Kind, _ text: String, _ tracer: Tracer<Message>?) {
        special?.history?.add(kind, pid, text)
        guard let tracer, special?.tracer === tracer, tracer.kinds.contains(kind) else { return }
        tracer.left -= 1
        if tracer.left == 0 { install(nil) }
        tracer.show(TraceEvent(process: pid, kind: kind, message: text))
    }

    /// The process has ended: nothing more is to be shown.
    func endTrace(_ reason: ExitReason) {
        guard let special, special.isTraced else { return }
        trace(.ended, text: "\(reason)")
        special.history = nil
        if special.tracer != nil { install(nil) }
    }
}
