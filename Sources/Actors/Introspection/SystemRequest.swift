internal import DequeModule

/// What introspection asks of a process between two messages.
@usableFromInline
enum SystemRequest: Sendable {
    /// To describe its state; `nil` if it has none to show.
    case state(@Sendable (String?) -> Void)

    /// To change its state.
    case change(any StateChange)

    /// To end, for a reason, within so long: between two messages, also if it traps exits. `nil`: as long as it takes.
    case stop(ExitReason, grace: Duration?)

    func answerNothing() {
        switch self {
        case .stop: break
        case .state(let answer): answer(nil)
        case .change(let change): change.refuse()
        }
    }
}

/// What a trace of a process shows.
public struct TraceEvent: Sendable {
    /// What became of the message.
    public enum Kind: Sendable, Hashable {
        /// A message came into the mailbox.
        case arrived
        /// The body took a message.
        case taken
    }

    /// Which process is traced.
    public let process: PID
    /// Whether the message has arrived or was taken.
    public let kind: Kind
    /// The message, as text.
    public let message: String
}

/// What debugging asks of a process. (OTP: `sys`.)
extension Process {
    package nonisolated var activity: ProcessActivity {
        onOwnThread { me in
            let state: ProcessState =
                !me.isOpen
                ? .exiting : me.special?.isSuspended == true ? .suspended : me.isWaiting ? .waiting : .running
            return ProcessActivity(
                state: state, waiting: me.queue.count, handled: me.handled, monitors: me.special?.monitors.count ?? 0)
        }
    }

    package nonisolated var mailboxLength: Int { queue.count }

    /// Shows every message that arrives and that the body takes, from now on; `nil` ends it. (OTP: `sys:trace/2`.)
    ///
    /// - Parameter tracer: called on the process's thread; it must not block.
    public nonisolated func trace(_ tracer: (@Sendable (TraceEvent) -> Void)?) {
        core.scheduler.run { [self] in
            onOwnThread { me in
                guard me.isOpen else { return }
                let special = me.makeSpecial()
                let before = special.tracer
                special.tracer = tracer
                me.updatePlainness()
                withExtendedLifetime(before) {}
            }
        }
    }

    func trace(_ kind: TraceEvent.Kind, _ message: Message) {
        if let tracer = special?.tracer { tracer(TraceEvent(process: pid, kind: kind, message: "\(message)")) }
    }

    func answerSystemRequests(_ special: Special) {
        let requests = special.systemRequests
        special.systemRequests = []
        for (_, request) in requests { request.answerNothing() }
    }
}

extension PID {
    /// The process takes no more messages until it is resumed; what arrives waits. (OTP: `sys:suspend/1`.)
    ///
    /// A body that is busy with a message finishes it first. Exit signals reach it all the same. A connection is
    /// suspended like a reader that has stopped: it delivers no frames.
    public func suspend() {
        let core = core
        core.scheduler.run { unsafe core.host?.setSuspended(true) }
    }

    /// The process takes messages again. (OTP: `sys:resume/1`.)
    public func resume() {
        let core = core
        core.scheduler.run { unsafe core.host?.setSuspended(false) }
    }
}
