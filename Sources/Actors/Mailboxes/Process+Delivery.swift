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
        core.scheduler.post(.action { [self] in deliver(message) })
    }

    /// A message has arrived. On the scheduler's thread.
    @inlinable
    nonisolated func deliver(_ message: Message) {
        guard isPlain else { return onOwnThread { $0.deliverSpecially(message) } }
        if queue.isFull { growQueue() }
        queue.append(message)
        if isWaiting {
            isWaiting = false
            core.open(on: core.scheduler)
        }
    }

    /// A message that a signal has become: bounds do not hold for it.
    ///
    /// - Parameter id: the signal's number, by which the message can be found again while it waits.
    func deliverSignal(_ message: Message, _ id: UInt64 = ProcessCore.nextID()) {
        guard isOpen else { return }
        let special = makeSpecial()
        // Those that a plain mailbox has let go are forgotten now and then: the cost is spread over those that came.
        if special.signalPlaces.count > 2 * queue.count + 16 {
            special.signalPlaces = special.signalPlaces.filter { $0.value >= queue.head }
        }
        special.signalPlaces[id] = queue.end
        enqueue(message)
    }

    @usableFromInline
    func deliverSpecially(_ message: Message) {
        guard isOpen else { return core.scheduler.deadLetters += 1 }
        if let bound, !admit(message, bound) { return }
        enqueue(message)
    }

    /// Puts a message at the end and wakes the body if it waits for this one.
    func enqueue(_ message: Message) {
        if queue.isFull { growQueue() }
        trace(.arrived, message)
        let isWanted = isWaiting && special?.isSuspended != true && special?.filter?(message) ?? true
        queue.append(message)
        if isWanted { resumeReceiver() }
    }

    @usableFromInline
    nonisolated func growQueue() {
        queue.grow()
        let threshold = core.scheduler.settings.mailboxWarning
        if queue.count <= threshold && queue.capacity > threshold && bound == nil {
            core.scheduler.reportLongMailbox(core, capacity: queue.capacity / 2)
        }
    }

    func dropWaiting() {
        core.scheduler.deadLetters += UInt64(queue.count)
        queue.removeAll()
    }

    // MARK: Going on

    /// Lets the body go on if it waits: it finds out why by itself.
    func resumeReceiver() {
        guard isWaiting else { return }
        isWaiting = false
        core.open(on: core.scheduler)
    }

    package nonisolated func setSuspended(_ isSuspended: Bool) {
        onOwnThread { me in
            guard me.isOpen else { return }
            me.makeSpecial().isSuspended = isSuspended
            me.updatePlainness()
            if !isSuspended { me.resumeReceiver() }
        }
    }
}
