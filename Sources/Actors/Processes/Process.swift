internal import DequeModule

/// A process: an actor with a mailbox of its own and a body that reads it, in the manner of Erlang.
///
///     let counter = Process<Int>.spawn { me in
///         var total = 0
///         for await n in me.mailbox { total += n }
///     }
///     counter.send(3)
///     let reason = try await counter.down()
///
/// It handles one message at a time: what its body awaits lets no other message in. It lives on one scheduler, and
/// ends when its body returns or throws.
public final actor Process<Message: Sendable> {
    /// What a process does. It runs as the process, on its scheduler's thread.
    public typealias Body = @Sendable (isolated Process<Message>) async throws -> Void

    @usableFromInline package nonisolated let core: ProcessCore
    // The mailbox: see Process+Delivery.swift and Process+Receive.swift.
    //
    // Safety: touched by the scheduler's thread only, as all state of an actor. No access to these calls out; each is
    // over before any other code runs. So they need neither a closure that runs as the actor nor checks of exclusivity.
    @safe @exclusivity(unchecked) @usableFromInline nonisolated(unsafe) var queue = MessageQueue<Message>()
    /// Whether the mailbox is open, unbounded, not suspended and not traced, and nobody waits in it for anything but
    /// the next message, whenever it comes: then a message needs no more than a place.
    @safe @exclusivity(unchecked) @usableFromInline nonisolated(unsafe) var isPlain: Bool
    /// Whether the body waits for a message.
    @safe @exclusivity(unchecked) @usableFromInline nonisolated(unsafe) var isWaiting = false
    /// Whether a task of it is about to take one: it waits, or was let go on and has not looked yet.
    @safe @exclusivity(unchecked) @usableFromInline nonisolated(unsafe) var isReceiving = false
    /// Whether some of its messages are measured just now, as `Special.marks` says.
    @safe @exclusivity(unchecked) nonisolated(unsafe) var isMeasured = false
    @safe @exclusivity(unchecked) @usableFromInline var handled: UInt64 = 0
    @safe @exclusivity(unchecked) @usableFromInline var isOpen = true
    /// Whether the body answers what introspection asks, as a server does.
    @safe @exclusivity(unchecked) @usableFromInline var servesRequests = false
    /// Few have more of it than this.
    @safe @exclusivity(unchecked) @usableFromInline var special: Special?

    /// What it does, until it begins.
    // Safety: written before anybody else knows the process, then touched by the scheduler's thread only.
    @safe @exclusivity(unchecked) nonisolated(unsafe) var body: Body?

    /// A process that has not begun. Whoever starts it does so on its thread.
    @usableFromInline
    init(on scheduler: Scheduler?, _ mailbox: MailboxOptions = .unbounded, parent: ProcessCore? = nil) {
        let places: MailboxPlaces? = if let bound = mailbox.bound { MailboxBound<Message>(bound) } else { nil }
        core = ProcessCore(
            on: scheduler ?? .forNewProcess, messageType: Message.self, parent: parent ?? ProcessCore.current,
            places: places)
        isPlain = core.places == nil
    }

    /// The places of the mailbox, if it is bounded.
    nonisolated var bound: MailboxBound<Message>? {
        // Most have none: for them the type is not even looked up.
        guard let places = core.places else { return nil }
        // Safety: a process of such messages has made it.
        return unsafe unsafeDowncast(places, to: MailboxBound<Message>.self)
    }

    /// The scheduler that the process lives on: Swift's runtime runs the actor's code there.
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe core.scheduler.asUnownedSerialExecutor()
    }

    /// Which process this is.
    public nonisolated var pid: PID { core.pid }

    /// Where to send messages to it, without keeping it.
    public nonisolated var address: Address<Message> { Address(core) }

    /// Asks the process to end, as `PID.exit(_:)` does.
    public nonisolated func exit(_ reason: ExitReason) { pid.exit(reason) }

    /// Waits for its end and returns the reason, as `PID.down()` does.
    ///
    /// - Throws: `CancellationError` as soon as the calling task is cancelled.
    public nonisolated func down() async throws(CancellationError) -> ExitReason { try await pid.down() }

    /// Waits for its end at most `timeout`, as `PID.down(timeout:)` does; `nil` after that.
    ///
    /// - Throws: `CancellationError` as soon as the calling task is cancelled.
    public nonisolated func down(timeout: Duration) async throws(CancellationError) -> ExitReason? {
        try await pid.down(timeout: timeout)
    }

    /// The messages, in order of arrival. Ends when the process is asked to end. For its body alone: whoever else has
    /// the process cannot reach it.
    @inlinable public var mailbox: Mailbox<Message> { Mailbox(process: self) }

    /// What a process has once it uses more of its mailbox than most: adapters for signals, filters, timers.
    @usableFromInline
    final class Special {
        /// What the waiting body wants; `nil` for anything.
        var filter: ((Message) -> Bool)?
        /// Rings when the body has waited long enough.
        var patience: Alarm?
        var isPatienceOver = false
        /// Whether what the time runs for is the next message of a server.
        var isIdle = false
        var isSuspended = false
        var exitAdapter: (@Sendable (ExitSignal) -> Message)?
        var monitors: Set<MonitorReference> = []
        var groupMonitors: Set<UInt64> = []
        /// At which places of the queue the messages stand that signals have become.
        var signals = SignalPlaces()
        /// Where a selective receive goes on to look.
        var seen = 0
        /// Where the message stands that it is asking about, as long as it is there.
        var judged: Int?
        var tracer: Tracer<Message>?
        var history: TraceHistory?
        /// What the body took last and has not handled yet, if that is to be shown.
        var traced: Traced?
        /// What a state machine has asked of its process.
        var wishes: AnyObject?
        /// What is to be reported of a crash.
        var crash = CrashNotes()
        /// Cancels the clean-up that goes on.
        var cancelCleanUp: (@Sendable () -> Void)?
        /// What is being measured of its messages.
        var marks: MessageMarks?
        /// What is asked of the process between two messages, and before the message at which place.
        var systemRequests = Deque<(place: Int, request: SystemRequest)>()

        init() {}

        var isPlain: Bool {
            !isSuspended && filter == nil && patience == nil && !isTraced && systemRequests.isEmpty
        }

        var isTraced: Bool { tracer != nil || history != nil }
    }

    /// What few processes have, made when it is first asked for.
    func makeSpecial() -> Special {
        if let special { return special }
        let made = Special()
        special = made
        return made
    }

    /// To be called after whatever `isPlain` stands for has changed.
    func updatePlainness() {
        isPlain = isOpen && bound == nil && !isMeasured && special?.isPlain != false
    }
}

extension Process: Supervisable {}

extension Process {
    /// Starts a process. Never fails.
    ///
    /// - Parameters:
    ///   - scheduler: where it lives; default: the caller's scheduler, or from outside one of the shared group's in
    ///     turn.
    ///   - label: what introspection and reports call it, beside its PID; it need not be unique.
    ///   - mailbox: how many messages may wait, and what happens to more; default: without bound.
    ///   - body: what it does. It runs as the process, on its thread.
    @inlinable
    @discardableResult
    public static func spawn(
        on scheduler: Scheduler? = nil, label: String? = nil, mailbox: MailboxOptions = .unbounded,
        _ body: @escaping Body
    ) -> Process<Message> {
        let process = Process(on: scheduler, mailbox)
        process.prepare(label, body)
        process.launch()
        return process
    }

    /// Starts a process that is linked to this one from its first moment. (OTP: `spawn_link/1`.)
    ///
    /// - Parameters:
    ///   - type: the type of the child's messages, where the body alone does not tell.
    ///   - scheduler: where it lives; default: here.
    ///   - label: what introspection and reports call it.
    ///   - mailbox: how many messages may wait; default: without bound.
    ///   - body: what it does.
    @discardableResult
    public func spawnLink<M: Sendable>(
        _ type: M.Type = M.self, on scheduler: Scheduler? = nil, label: String? = nil,
        mailbox: MailboxOptions = .unbounded, _ body: @escaping Process<M>.Body
    ) -> Process<M> {
        let child = Process<M>(on: scheduler, mailbox)
        child.begin(linkedTo: core, label, body)
        return child
    }

    /// Starts a process that this one monitors from its first moment. (OTP: `spawn_monitor/1`.)
    ///
    /// - Parameters:
    ///   - type: the type of the child's messages, where the body alone does not tell.
    ///   - scheduler: where it lives; default: here.
    ///   - label: what introspection and reports call it.
    ///   - mailbox: how many messages may wait; default: without bound.
    ///   - body: what it does.
    ///   - adapter: makes a message of this process's kind out of the down.
    @discardableResult
    public func spawnMonitor<M: Sendable>(
        _ type: M.Type = M.self, on scheduler: Scheduler? = nil, label: String? = nil,
        mailbox: MailboxOptions = .unbounded, _ body: @escaping Process<M>.Body,
        down adapter: @escaping @Sendable (Down) -> Message
    ) -> (process: Process<M>, monitor: MonitorReference) {
        let child = Process<M>(on: scheduler, mailbox)
        child.prepare(label, body)
        let reference = monitor(child.pid, adapter)
        child.launch()
        return (child, reference)
    }

    // MARK: Life

    /// Says what a process does that nobody else knows yet: what starts it then need not carry that along.
    @usableFromInline
    nonisolated func prepare(_ label: String?, _ body: @escaping Body) {
        if let label { core.prepare(label: label) }
        self.body = body
    }

    /// Begins what it was prepared for, where it lives.
    @inlinable
    nonisolated func launch() {
        if core.scheduler.isCurrent { start() } else { launchElsewhere() }
    }

    @usableFromInline
    nonisolated func launchElsewhere() { launchElsewhere {} }

    /// Begins what it was prepared for, from another thread than its scheduler's. `first` is done there before.
    ///
    /// Its task is made here and now: so it has the task-locals of whoever spawns it, as it has when both live on one
    /// scheduler.
    nonisolated func launchElsewhere(_ first: @escaping @Sendable () -> Void) {
        let job = core.scheduler.firstJob { core.makeTask { newTask() } }
        core.scheduler.post(
            .action { [self] in
                first()
                onOwnThread { $0.start(job) }
            })
    }

    /// A task for it, whose first job the scheduler gets.
    ///
    /// It counts as one that may throw, which it does not: one that may not is wrapped once more by the library.
    @inlinable
    nonisolated func newTask() -> Task<Void, any Error> { onOwnThread { me in Task { await me.run() } } }

    /// Begins what it was prepared for. On its scheduler's thread.
    @inlinable
    nonisolated func start() {
        guard core.mayBegin else { return neverBegins() }
        core.makeTask { newTask() }
        enlist()
    }

    /// The same for one whose task was made elsewhere, and has `job` for its first.
    nonisolated func start(_ job: UnownedJob) {
        if core.mayBegin { enlist() } else { neverBegins() }
        // The task runs in any case; without a body it ends at once.
        core.scheduler.runHere(job)
    }

    @usableFromInline
    nonisolated func enlist() { core.enlist(self) }

    /// It was asked to end before its first moment, and so has none.
    @usableFromInline
    nonisolated func neverBegins() {
        body = nil
        onOwnThread { $0.close() }
        core.finish(core.exitReason ?? .normal)
    }

    /// What the task of a process does. It captures nothing but the process, so that it needs no box.
    @inlinable
    func run() async {
        guard let body = beginBody() else { return }
        do {
            try await body(self)
            end(.normal)
        } catch {
            end(ExitReason(thrown: error))
        }
    }

    /// What it is to do, if anything. On its own task.
    @usableFromInline
    func beginBody() -> Body? {
        core.runsThisJob()
        guard let body else { return nil }
        self.body = nil
        // One that was asked to end before it has begun never does. (OTP: signals come before the first instruction.)
        if core.mayBegin { return body }
        end(.normal)
        return nil
    }

    /// The body has returned.
    @usableFromInline
    func end(_ reason: ExitReason) {
        if isMeasured { noteAsked() }
        if queue.count > 0 && core.failsByItself(reason) { noteMailbox() }
        close()
        guard let special else { return core.finishBody(reason, notes: nil) }
        if let history = special.history { special.crash.trace = Array(history.events) }
        core.finishBody(reason, notes: special.crash)
        if special.isTraced { endTrace(core.endReason ?? reason) }
        self.special = nil
    }

    /// No message is taken any more, and none that waits is kept.
    private func close() {
        isOpen = false
        isPlain = false
        if queue.count > 0 {
            if let reason = core.exitReason, core.failsByItself(reason) { noteMailbox() }
            dropWaiting()
        }
        bound?.close()
        core.cancelTimers()
        guard let special else { return }
        releaseMonitors(special)
        answerSystemRequests(special)
    }
}

extension Process {
    /// Does what must be done before the process ends, such as telling others, in a task that the exit signal has not
    /// cancelled and does not cancel.
    ///
    ///     for await request in me.mailbox { ... }
    ///     await me.cleanUp { me in try? await pool.call { .giveBack(connection, $0) } }
    ///
    /// An exit signal cancels the body's task, for good: what it awaits from then on gives up at once. What `work` awaits
    /// does not. It has the time that the process has to end, 5 s or what its supervisor gives it; then the process is
    /// marked dead, and `work` is cancelled. A server's `terminate` runs in this way by itself.
    ///
    /// - Parameter work: runs as the process, while its body waits.
    /// - Returns: what `work` returns.
    /// - Throws: what `work` throws.
    public func cleanUp<Value: Sendable, Failure: Error>(
        _ work: @escaping @Sendable (isolated Process<Message>) async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let end = Promise<Result<Value, Failure>>()
        await doUncancelled { me in
            let result: Result<Value, Failure>
            do throws(Failure) { result = .success(try await work(me)) } catch { result = .failure(error) }
            end.keep(result)
        }
        return try await end.valueInAnyCase().get()
    }

    /// Does `work` in a task that the exit signal does not cancel, as the process, while its body waits.
    ///
    /// It is not generic: a closure that has to be made so goes on the global pool first.
    func doUncancelled(_ work: @escaping @Sendable (isolated Process<Message>) async -> Void) async {
        let isBodys = core.isRunningBody
        let special = makeSpecial()
        let outer = (cancel: special.cancelCleanUp, task: core.taskIdentity)
        // Not `task.value` or a continuation, by which the body would go on by way of the global pool.
        let end = Gate()
        let task = Task {
            // The body waits for it: so it counts as the body.
            if isBodys { core.runsThisJob() }
            await work(self)
            if isBodys { core.taskIdentity = outer.task }
            end.open(on: core.scheduler)
        }
        if core.isMarkedDead { task.cancel() }
        special.cancelCleanUp = {
            task.cancel()
            outer.cancel?()
        }
        // The task begins only when this one has stopped here: both are of one thread.
        await end.pass(on: core.scheduler)
        special.cancelCleanUp = outer.cancel
    }
}

extension Process: ProcessHost {
    package nonisolated func exitSignalArrived(_ reason: ExitReason) {
        onOwnThread { me in
            me.close()
            me.resumeReceiver()
            me.core.cancelTask()
            if me.core.isMarkedDead { me.special?.cancelCleanUp?() }
            me.trace(.exiting, text: "\(reason)")
        }
    }

    package nonisolated func trapped(_ signal: ExitSignal) {
        onOwnThread { me in
            if me.servesRequests, let parent = me.core.parent, signal.from?.id == parent {
                // OTP: a `gen_server` that traps exits ends with its parent all the same.
                me.take(.stop(signal.reason, grace: signal.grace))
            } else if let adapter = me.special?.exitAdapter {
                me.deliverSignal(adapter(signal))
            }
        }
    }

    package nonisolated var isRunning: Bool { core.hasTask }
}

extension ExitReason {
    /// What an end by `error` means.
    @usableFromInline
    init(thrown error: any Error) { self = error as? ExitReason ?? .error(error) }
}
