package import Actors

/// The connection as a process: it can be linked, monitored, named, supervised, listed and suspended like any other.
extension WebSocket: ProcessHost, Supervisable {
    package nonisolated func exitSignalArrived(_ reason: ExitReason) { onOwnThread { $0.receiveExit(reason) } }

    /// A connection traps no exits: it has no mailbox for them.
    package nonisolated func trapped(_ signal: ExitSignal) {}

    package nonisolated var isRunning: Bool { onOwnThread { $0.isHandlerRunning } }

    package nonisolated var activity: ProcessActivity {
        onOwnThread { me in
            let state: ProcessState =
                me.phase != .open
                ? .exiting : me.isSuspended ? .suspended : me.receivers.isEmpty ? .running : .waiting
            return ProcessActivity(
                state: state, waiting: Int(me.inbound.messageCount),
                handled: UInt64(me.machine.counters.framesReceived), monitors: 0, detail: me.detail)
        }
    }

    /// A suspended connection reads nothing more from its peer, until it closes; what it has read already can be received.
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
    /// with 1001, and the end of the connection for any reason but a close in good order ends the other. (OTP: `link/1`.)
    ///
    /// For a handler; a process links itself to `ws.pid`.
    public func link(_ other: PID) { core.link(to: other.core) }

    /// Unties the two.
    public func unlink(_ other: PID) { core.unlink(from: other.core) }
}
