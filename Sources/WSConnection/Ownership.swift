package import Actors
internal import CHansomSystem
internal import Synchronization

extension WebSocket {
    /// Makes `owner` the process that holds the connection; `nil` leaves it to its references.
    ///
    /// One that has ended stays with its references: nothing is left to end, and nothing would end the bond but the
    /// owner.
    package func setOwner(_ owner: ProcessCore?) {
        self.owner?.end()
        // The owner's observer holds the connection.
        self.owner =
            core.endReason != nil
            ? nil
            : owner.map { owner in
                EndBond(owner) { _ in self.scheduler.run { self.onOwnThread { $0.beginClose(.goingAway) } } }
            }
    }

    /// Gives the connection to another process, whose end then ends it. To one that has ended already, the connection
    /// is closed with 1001. Does nothing once the connection has ended.
    ///
    /// Who is told what arrives stays the same; `transfer(to:active:_:)` moves that too.
    public func transfer(to process: PID) { setOwner(process.core) }
}

/// The connection as a process: it can be linked, monitored, named, supervised, listed and suspended like any other.
extension WebSocket: ProcessHost, Supervisable {
    package nonisolated func exitSignalArrived(_ reason: ExitReason) { onOwnThread { $0.receiveExit(reason) } }

    /// A connection traps no exits: it has no mailbox for them.
    package nonisolated func trapped(_ signal: ExitSignal) {}

    package nonisolated var isRunning: Bool { onOwnThread { $0.end.isHandlerRunning } }

    package nonisolated var activity: ProcessActivity {
        onOwnThread { me in
            let state: ProcessState =
                !me.end.isListening
                ? .exiting : me.isSuspended ? .suspended : me.receivers.isEmpty ? .running : .waiting
            return ProcessActivity(
                state: state, waiting: Int(me.inbound.messageCount),
                handled: UInt64(me.machine.counters.framesReceived), monitors: 0, detail: me.detail)
        }
    }

    package nonisolated var mailboxLength: Int { onOwnThread { Int($0.inbound.messageCount) } }

    /// A suspended connection reads nothing more from its peer, until it closes; what it has read already can be
    /// received.
    package nonisolated func setSuspended(_ isSuspended: Bool) {
        onOwnThread { me in
            guard me.isSuspended != isSuspended else { return }
            me.isSuspended = isSuspended
            if !isSuspended { me.resumeReading() }
        }
    }
}

extension WebSocket {
    /// Ties the connection and another process: the end of the other for any reason but `.normal` closes the connection
    /// with 1001, and the end of the connection for any reason but a close in good order ends the other. (OTP:
    /// `link/1`.)
    ///
    /// For a handler; a process links itself to `ws.pid`.
    public func link(_ other: PID) { core.link(to: other.core) }

    /// Unties the two.
    public func unlink(_ other: PID) { core.unlink(from: other.core) }
}

/// A server's handler, which runs as the connection.
extension WebSocket {
    /// Runs `handler` in a task of its own to its end, and then closes: 1000 when it returned, 1001 when it was
    /// cancelled, 1011 when it threw.
    package func start(_ handler: @escaping Handler) {
        take(.handlerBegan)
        // Nobody else has this task, so nobody else cancels it: `receiveExit` does, and resumes what waits. So the
        // handler needs no cancellation handler around it.
        // What the handler connects to belongs to this connection: the task inherits who is current.
        let task = ProcessCore.$current.withValue(core) {
            Task {
                unsafe handlerIdentity = swift_task_getCurrent()
                core.runsThisJob()
                do {
                    try await handler(self)
                    handlerEnded(.normal)
                } catch {
                    handlerEnded(.error(error))
                }
            }
        }
        handlerRuns(task)
    }

    /// Its task, which an exit signal cancels, from whatever thread.
    private func handlerRuns(_ task: Task<Void, Never>?) {
        handlerTask = task
        core.runs(task)
    }

    private func handlerEnded(_ reason: ExitReason) {
        beginClose(Task.isCancelled ? .goingAway : reason.kind == .normal ? .normal : .internalError)
        unsafe handlerIdentity = nil
        handlerRuns(nil)
        reportCrash(reason)
        handlerReason = Boxed(reason)
        take(.handlerEnded)
    }

    /// The synchronous handler threw: the connection is closed with 1011, and ends with the error for its reason.
    func handlerFailed(_ error: any Error) {
        guard handlerReason == nil else { return }
        beginClose(.internalError)
        reportCrash(.error(error))
        handlerReason = Boxed(.error(error))
    }

    /// Reports a handler that crashed, now: the peer may keep the connection open as long as `closeTimeout`.
    private func reportCrash(_ reason: ExitReason) {
        if !isOwnEnd(reason) { core.reportCrash(core.exitReason ?? reason) }
    }

    /// Whether it tells that this connection has ended, by its peer, the network or itself: that is no crash. The end
    /// of another one, which a handler did not expect, is.
    func isOwnEnd(_ reason: ExitReason) -> Bool {
        guard let error = reason.error as? WebSocketError else { return false }
        return error.endOf == core.id
    }
}

/// What any thread may read of how a connection stands: written by the connection only, and the end before the state
/// that it leads to.
struct PublishedState: ~Copyable, Sendable {
    private let state = Atomic<UInt8>(WebSocket.State.open.rawValue)
    private let end = AtomicLazyReference<Boxed<WebSocket.Outcome>>()

    var current: WebSocket.State { WebSocket.State(rawValue: state.load(ordering: .acquiring)) ?? .closed }

    var outcome: WebSocket.Outcome? { end.load()?.value }

    func publish(_ new: WebSocket.State) { state.store(new.rawValue, ordering: .releasing) }

    /// The first is kept.
    func publish(_ outcome: Boxed<WebSocket.Outcome>) { _ = end.storeIfNil(outcome) }
}
