internal import Synchronization

/// For who can keep what there is no room for, and bring it later: a connection in active mode.
extension Process {
    /// What became of a message that was offered.
    package enum Reception {
        case taken
        /// There is no room: `awaitPlace` tells when there is.
        case full
    }

    /// Whether how many messages wait is bounded.
    package nonisolated var isBounded: Bool { bound != nil }

    /// Whether it has not ended and, as far as the caller's scheduler knows, is not ending.
    package nonisolated var takesMore: Bool {
        core.isAlive && (!core.scheduler.isCurrent || isPlain || onOwnThread { $0.isOpen })
    }

    /// Offers a message. Where a full mailbox would drop it, it is not taken; one that makes room by its policy, or ends for
    /// want of it, does so.
    ///
    /// - Parameter make: makes the message; is called only if the message is taken.
    package nonisolated func offer(_ make: () -> Message) -> Reception {
        guard let bound, bound.whenFull.leavesOut else {
            send(make())
            return .taken
        }
        guard bound.reserve() else { return .full }
        fillPlace(make())
        return .taken
    }

    /// Asks for a place in a full mailbox, in the line of those who wait for one.
    ///
    /// - Parameters:
    ///   - ticket: by which `cancelPlace` finds the request.
    ///   - tell: is called once, on the process's thread, when a place is kept for the caller: who then fills it or gives it
    ///     back. With `false` when there will be none, since the process ends. It must not call back into the process.
    package nonisolated func awaitPlace(_ ticket: PlaceTicket, _ tell: @escaping @Sendable (Bool) -> Void) {
        core.scheduler.run { [self] in onOwnThread { $0.wait(.init(.place(tell), ticket)) } }
    }

    /// Takes a request for a place back. It may have been served already: then the place is to be given back as well.
    package nonisolated func cancelPlace(_ ticket: PlaceTicket) {
        ticket.isCancelled.store(true, ordering: .sequentiallyConsistent)
        core.scheduler.run { [self] in onOwnThread { $0.cancelWait(ticket) } }
    }

    /// Puts a message where a place is kept for it.
    package nonisolated func fillPlace(_ message: Message) {
        core.scheduler.run { [self] in deliver(message, .taken) }
    }

    /// Gives a place back that was kept.
    package nonisolated func giveBackPlace() {
        core.scheduler.run { [self] in
            onOwnThread { me in
                if me.isOpen, let bound = me.bound { me.makeRoom(bound) }
            }
        }
    }

    /// Sends what is as good as a signal: bounds do not hold for it, and no policy drops it.
    package nonisolated func sendSignal(_ message: Message) {
        guard bound != nil else { return send(message) }
        core.scheduler.run { [self] in onOwnThread { $0.deliverSignal(message) } }
    }
}

extension MailboxOptions.Overflow {
    /// Whether a full mailbox leaves out what comes.
    fileprivate var leavesOut: Bool {
        switch self {
        case .suspend, .dropNewest, .fail: true
        case .dropOldest, .kill: false
        }
    }
}
