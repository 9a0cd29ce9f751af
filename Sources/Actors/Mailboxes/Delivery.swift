internal import Synchronization

/// How messages come into the mailbox.
extension Process {
    /// Sends a message. Never suspends and never fails; messages of one sender arrive in order.
    ///
    /// To a process that has ended it does nothing but count a dead letter. A full mailbox does with it what its policy
    /// says. (OTP: `!`.)
    @inlinable
    public nonisolated func send(_ message: Message) {
        if core.scheduler.isCurrent {
            deliver(message)
        } else {
            sendFromElsewhere(message)
        }
    }

    @usableFromInline
    nonisolated func sendFromElsewhere(_ message: Message) {
        let claim = core.claimPlace()
        // One that captures no claim is smaller: there is one for each message.
        guard claim != .notAsked else { return core.scheduler.post(.action { [self] in deliver(message) }) }
        core.scheduler.post(.action { [self] in deliver(message, claim) })
    }

    /// A message has arrived. On the scheduler's thread.
    @inlinable
    nonisolated func deliver(_ message: Message) {
        guard isPlain else { return onOwnThread { $0.deliverSpecially(message) } }
        if queue.isFull { return deliverToFull(message) }
        queue.append(message)
        if isWaiting {
            isWaiting = false
            core.open(on: core.scheduler)
        }
    }

    /// The same for a queue that has to grow. It may be reported, by code of the user's: last of all, so that whatever
    /// that does finds the message in its place.
    @usableFromInline
    nonisolated func deliverToFull(_ message: Message) {
        let length = queue.count
        queue.append(message)
        resumeReceiver()
        queueGrew(from: length)
    }

    /// A message has arrived whose sender, elsewhere, has asked for a place. On the scheduler's thread.
    nonisolated func deliver(_ message: Message, _ claim: PlaceClaim) {
        guard claim != .notAsked else { return deliver(message) }
        onOwnThread { $0.deliverClaimed(message, claim) }
    }

    private func deliverClaimed(_ message: Message, _ claim: PlaceClaim) {
        guard isOpen else { return core.scheduler.deadLetters += 1 }
        switch claim {
        case .notAsked, .taken: enqueue(message)
        case .refused:
            if let bound, !makePlace(bound) { return }
            enqueue(message)
        }
    }

    /// A message that a signal has become: bounds do not hold for it.
    ///
    /// - Parameter id: the signal's number, if the message is to be found by it while it waits.
    func deliverSignal(_ message: Message, _ id: UInt64? = nil) {
        guard isOpen else { return }
        makeSpecial().signals.add(id, at: queue.end, head: queue.head)
        enqueue(message)
    }

    @usableFromInline
    func deliverSpecially(_ message: Message) {
        guard isOpen else { return core.scheduler.deadLetters += 1 }
        if let bound, !admit(bound) { return }
        enqueue(message)
    }

    /// Puts a message at the end and wakes the body if it waits for this one.
    ///
    /// The tracer, the filter and who takes reports are code of the user's, which may do to this process whatever it
    /// likes: send to it, end it. They come when the message is in its place, and nothing is taken for granted behind
    /// them.
    func enqueue(_ message: Message) {
        // What made room for it may have ended the process.
        guard isOpen else { return core.scheduler.deadLetters += 1 }
        let length = queue.isFull ? queue.count : nil
        queue.append(message)
        if isMeasured { noteArrived() }
        trace(.arrived, message)
        if isWaiting, special?.isSuspended != true, special?.filter?(message) ?? true { resumeReceiver() }
        if let length { queueGrew(from: length) }
    }

    /// The queue was full and has grown.
    private nonisolated func queueGrew(from length: Int) {
        let threshold = core.scheduler.settings.mailboxWarning
        if length <= threshold && max(length * 2, 2) > threshold && bound == nil {
            core.scheduler.reportLongMailbox(core, length: max(length, 1))
        }
    }

    func dropWaiting() {
        core.scheduler.deadLetters += UInt64(queue.count)
        let dropped = queue.takeAll()
        _ = consume dropped
    }

    // MARK: Going on

    /// Lets the body go on if it waits: it finds out why by itself.
    nonisolated func resumeReceiver() {
        guard isWaiting else { return }
        isWaiting = false
        core.open(on: core.scheduler)
    }

    package nonisolated func setSuspended(_ isSuspended: Bool) {
        onOwnThread { me in
            guard me.isOpen else { return }
            me.makeSpecial().isSuspended = isSuspended
            // A server's idle time begins anew, as after any message of `sys`.
            if me.special?.isIdle == true { me.endPatience() }
            me.updatePlainness()
            if !isSuspended { me.resumeReceiver() }
        }
    }
}

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

    /// Offers a message. Where a full mailbox would drop it, it is not taken; one that makes room by its policy, or
    /// ends for want of it, does so.
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
    ///   - tell: is called once, on the process's thread, when a place is kept for the caller: who then fills it or
    ///     gives it back. With `false` when there will be none, since the process ends. It must not call back into the process.
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
