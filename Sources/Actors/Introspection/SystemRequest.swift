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
