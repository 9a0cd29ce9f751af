internal import DequeModule

/// How the body takes messages out of the mailbox.
extension Process {
    /// Takes the next message, waiting for one if there is none; `nil` once the process is asked to end.
    @inlinable
    @inline(__always)
    public func receive() async -> Message? {
        if let message = takeNext() { return message }
        if beginsToWait() {
            // Here and not in a function of its own, whose every return looks again whose turn it is.
            await core.scheduler.gatekeeper.stop()
            isReceiving = false
            if let message = takeNext() { return message }
        }
        return await receiveLater()
    }

    /// Begins to wait for the next message of a plain mailbox that is empty, if the process's own task asks. Who is told
    /// so stops at the gatekeeper at once, and says behind it that nobody receives any more.
    @inlinable
    @inline(__always)
    func beginsToWait() -> Bool {
        guard isPlain, queue.count == 0, !isReceiving, core.isRunningBody else { return false }
        isReceiving = true
        isWaiting = true
        unsafe core.scheduler.gatekeeper.gate = .passUnretained(core)
        return true
    }

    /// Waits for a message that is not there yet, or not to be taken in this job any more.
    @inlinable
    func receiveLater() async -> Message? {
        while true {
            if isPlain {
                if let message = takeNext() { return message }
            } else {
                switch takeSpecially() {
                case .message(let message): return message
                case .end: return nil
                case .nothing: break
                }
            }
            if core.scheduler.isBudgetSpent {
                await core.scheduler.giveWay()
            } else {
                guard await awaitDelivery() else { return nil }
            }
        }
    }

    /// The next message of a plain mailbox, if there is one and the job that runs may take it: see `JobBudget`.
    @inlinable
    func takeNext() -> Message? {
        guard isPlain, queue.count > 0, core.scheduler.mayTake(core), let message = queue.popFirst() else { return nil }
        if queue.isTooWide { giveStorageBack() }
        handled &+= 1
        return message
    }

    /// Takes the next message, waiting at most `timeout` for one; `nil` after that, or once it is asked to end.
    ///
    /// - Parameter timeout: zero takes only what is there already.
    public func receive(timeout: Duration) async -> Message? {
        await receive(timeout: timeout, matching: nil) { $0 }
    }

    /// Takes the first message that `isWanted` says yes to, and leaves the others where they are, in their order.
    ///
    /// What waits is looked at once, and what arrives later twice at most. (OTP: selective receive.)
    ///
    /// - Parameters:
    ///   - timeout: how long to wait for it; default: as long as it takes.
    ///   - isWanted: looks at a message.
    /// - Returns: the message, or `nil` when the time is over or the process is asked to end.
    public func receive(timeout: Duration? = nil, where isWanted: @escaping (Message) -> Bool) async -> Message? {
        await receive(timeout: timeout, matching: isWanted) { $0 }
    }

    /// Takes the first message that `match` makes something of, and returns that; the others stay in their order.
    ///
    ///     let answer = await me.receive { if case .answer(let n) = $0 { n } else { nil } }
    ///
    /// - Parameters:
    ///   - timeout: how long to wait for it; default: as long as it takes.
    ///   - match: what to make of a message; `nil` leaves it where it is. It may be asked twice about one message.
    public func receive<T>(timeout: Duration? = nil, matching match: @escaping (Message) -> T?) async -> T? {
        await receive(timeout: timeout, matching: { match($0) != nil }, match)
    }

    /// - Parameter start: the place of the first message to look at, for who knows that it cannot be before.
    func receive<T>(
        from start: Int? = nil, timeout: Duration?, matching isWanted: ((Message) -> Bool)?, _ make: (Message) -> T?
    ) async -> T? {
        guard !isReceiving else {
            refuse()
            return nil
        }
        if isMeasured { noteAsked() }
        let special = makeSpecial()
        if special.traced != nil { traceHandled() }
        special.seen = start ?? queue.head
        defer { endPatience() }
        // Each call counts, also one that finds nothing: a body may do nothing but look.
        await core.scheduler.giveWayIfSpent(core)
        while true {
            if let found = takeFirst(special, isWanted) { return make(found) }
            if core.scheduler.isBudgetSpent {
                await core.scheduler.giveWay()
                continue
            }
            guard isOpen, !special.isPatienceOver, timeout != .zero else { return nil }
            special.filter = isWanted
            if let timeout { bePatient(timeout) }
            updatePlainness()
            guard await awaitDelivery() else { return nil }
        }
    }

    // MARK: Taking

    /// What a look into a mailbox that is not plain found.
    @usableFromInline
    enum Taken {
        case message(Message)
        case nothing
        case end
    }

    @usableFromInline
    func takeSpecially() -> Taken {
        if special?.traced != nil { traceHandled() }
        guard isOpen else { return .end }
        if isMeasured { noteAsked() }
        let place = queue.head
        guard special?.isSuspended != true, queue.count > 0, core.scheduler.mayTake(core),
            let message = queue.popFirst()
        else { return .nothing }
        if isMeasured { noteTaken(from: place) }
        countTaken(message, isSignal: special?.signals.taken(at: place) ?? false)
        return .message(message)
    }

    /// Takes the first message from the place `seen` on that is wanted, and remembers how far it has looked. Each that
    /// it looks at counts; when the budget is spent it finds nothing, and goes on from there the next time.
    private func takeFirst(_ special: Special, _ isWanted: ((Message) -> Bool)?) -> Message? {
        if special.isSuspended { return nil }
        while true {
            special.seen = max(special.seen, queue.head)
            guard special.seen < queue.end else { return nil }
            guard let isWanted else { return take(at: special.seen) }
            if !core.scheduler.mayTake(core) { return nil }
            let (wanted, place) = judge(special.seen, isWanted)
            if wanted, let place { return take(at: place) }
            // If it is gone, what came behind it is the next.
            if let place { special.seen = place + 1 }
        }
    }

    /// Whether the message at a place is wanted, and where it stands now: the one who judges is code of the user's,
    /// which may have moved it or taken it away.
    private func judge(_ place: Int, _ isWanted: (Message) -> Bool) -> (isWanted: Bool, place: Int?) {
        let special = makeSpecial()
        special.judged = place
        let verdict = isWanted(queue[place])
        defer { special.judged = nil }
        return (verdict, isOpen ? special.judged : nil)
    }

    /// Takes the message out that stands at `place`.
    func take(at place: Int) -> Message {
        if isMeasured { noteTaken(from: place) }
        let (message, isSignal) = remove(at: place)
        countTaken(message, isSignal: isSignal)
        return message
    }

    /// Takes a message out of the queue, wherever it stands, and whatever remembers places learns of it.
    ///
    /// - Returns: the message, and whether it came of a signal.
    func remove(at place: Int) -> (message: Message, isSignal: Bool) {
        let head = queue.head
        let message = queue.remove(at: place)
        // Those before it have moved up by one, or those behind it down.
        let isSignal = special?.removed(at: place, movedUp: queue.head != head, head: head) ?? false
        if queue.isTooWide { giveStorageBack() }
        return (message, isSignal)
    }

    private func countTaken(_ message: Message, isSignal: Bool) {
        if queue.isTooWide { giveStorageBack() }
        handled &+= 1
        trace(.taken, message)
        if let bound, !isSignal { makeRoom(bound) }
    }

    /// Gives back what a burst has made wide.
    @usableFromInline
    @inline(never)
    func giveStorageBack() {
        queue.shrink()
        special?.signals.forget(before: queue.head)
    }

    // MARK: Waiting

    /// Waits until something may be there to take. Whether to look for it: not so if the task is not to receive.
    ///
    /// From its begin to the gate nothing may suspend: see "Ask again at the last moment" in ARCHITECTURE.md.
    @inlinable
    @inline(__always)
    func awaitDelivery() async -> Bool {
        if isReceiving || !core.isRunningBody { return await awaitDeliveryAsHelper() }
        isReceiving = true
        isWaiting = true
        await core.pass(on: core.scheduler)
        isReceiving = false
        return true
    }

    /// The same for a task that the body has started. It may be cancelled, as the body's own is only when the mailbox
    /// closes, and stop waiting then.
    @usableFromInline
    func awaitDeliveryAsHelper() async -> Bool {
        guard !isReceiving, ProcessCore.current === core else {
            refuse()
            return false
        }
        if Task.isCancelled { return false }
        isReceiving = true
        isWaiting = true
        await withTaskCancellationHandler {
            await core.pass(on: core.scheduler)
        } onCancel: {
            // Later, also when this is the scheduler's thread: the task may not have stopped at the gate yet.
            core.scheduler.runLater { [self] in resumeReceiver() }
        }
        isReceiving = false
        return !Task.isCancelled
    }

    /// A task wants to receive while another does, or is no part of the process: it gets nothing, and that is reported.
    func refuse() {
        core.scheduler.reportSecondReceiver(core, isFromOutside: ProcessCore.current !== core)
    }

    /// Begins to count the time, unless that was done.
    func bePatient(_ timeout: Duration) {
        let special = makeSpecial()
        guard special.patience == nil else { return }
        // Safety: the suspended call holds the process until the alarm has rung or is disarmed.
        let alarm = Alarm { [unowned(unsafe) self] in
            unsafe onOwnThread { me in
                me.special?.isPatienceOver = true
                me.resumeReceiver()
            }
        }
        special.patience = alarm
        core.scheduler.arm(alarm, after: timeout)
        updatePlainness()
    }

    func endPatience() {
        guard let special else { return }
        if let patience = special.patience { core.scheduler.disarm(patience) }
        special.patience = nil
        special.isPatienceOver = false
        special.isIdle = false
        special.filter = nil
        updatePlainness()
    }
}

extension Process.Special {
    /// The message at `place` was taken out. Whether it came of a signal.
    ///
    /// - Parameters:
    ///   - movedUp: whether those before it have moved up by one; else those behind it have moved down.
    ///   - head: where the first stood before.
    func removed(at place: Int, movedUp: Bool, head: Int) -> Bool {
        func moved(_ other: Int) -> Int {
            if movedUp { return other < place ? other + 1 : other }
            return other > place ? other - 1 : other
        }
        if let at = judged { judged = at == place ? nil : moved(at) }
        marks?.removed(place, moved)
        if movedUp ? seen <= place : seen > place { seen += movedUp ? 1 : -1 }
        for index in systemRequests.indices where place != head {
            let at = systemRequests[index].place
            if movedUp ? at > head && at <= place : at > place {
                systemRequests[index].place = movedUp ? at + 1 : at - 1
            }
        }
        return movedUp ? signals.removed(at: place, head: head) : signals.removedMovingDown(at: place)
    }
}

/// Taking messages out of a mailbox again that the body has not taken.
extension Process {
    /// Takes out all waiting messages that `match` makes something of. The others stay in their order.
    ///
    /// - Returns: what was made of them, in order.
    package nonisolated func withdraw<T: Sendable>(
        _ match: @escaping @Sendable (Message) -> T?
    ) async -> [T] {
        await withCheckedContinuation { continuation in
            core.scheduler.run { [self] in continuation.resume(returning: onOwnThread { $0.takeOut(match) }) }
        }
    }

    private func takeOut<T>(_ match: (Message) -> T?) -> [T] {
        // All of the user's code runs first; what it sends here comes behind what is looked at.
        let (head, end) = (queue.head, queue.end)
        var made: [T] = []
        var isWanted: [Bool] = []
        for place in head..<end {
            let found = match(queue[place])
            isWanted.append(found != nil)
            if let found { made.append(found) }
        }
        if made.isEmpty || queue.head != head { return [] }
        let taken = rearrange(isWanted)
        // Released only now: that too may run anybody's code.
        withExtendedLifetime(taken.messages) {}
        if let bound { for _ in 0..<taken.placesFreed { makeRoom(bound) } }
        return made
    }

    /// Takes out of the front of the queue the messages that are marked. Each of the others moves once, to its end.
    private func rearrange(_ isWanted: [Bool]) -> (messages: [Message], placesFreed: Int) {
        let (head, count, end) = (queue.head, queue.count, queue.end)
        var taken: [Message] = []
        // How many of those before each place are taken.
        var takenBefore = [0]
        for index in 0..<count {
            guard let message = queue.popFirst() else { break }
            if index < isWanted.count && isWanted[index] {
                taken.append(message)
            } else {
                queue.append(message)
            }
            takenBefore.append(taken.count)
        }
        guard let special else {
            if queue.isTooWide { giveStorageBack() }
            return (taken, taken.count)
        }
        func moved(_ place: Int) -> Int { place + count - takenBefore[place - head] }
        special.marks?.forgetWaits()
        let signals = special.signals.rearrange(from: head) { place in
            place - head < isWanted.count && isWanted[place - head] ? nil : moved(place)
        }
        for index in special.systemRequests.indices {
            let place = special.systemRequests[index].place
            special.systemRequests[index].place = place >= end ? queue.end : moved(max(place, head))
        }
        if queue.isTooWide { giveStorageBack() }
        return (taken, taken.count - signals)
    }
}
