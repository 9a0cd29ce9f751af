extension Process {
    /// Starts a process. Never fails.
    ///
    /// - Parameters:
    ///   - scheduler: where it lives; default: the caller's scheduler, or from outside one of the shared group's in
    ///     turn.
    ///   - label: what introspection and reports call it, beside its PID; it need not be unique.
    ///   - mailbox: how many messages may wait, and what happens to more; default: without bound.
    ///   - body: what it does. It runs as the process, on its thread.
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
    nonisolated func prepare(_ label: String?, _ body: @escaping Body) {
        if let label { core.label = label }
        self.body = body
    }

    /// Begins what it was prepared for, where it lives.
    nonisolated func launch() {
        if core.scheduler.isCurrent { onOwnThread { $0.start() } } else { launchElsewhere {} }
    }

    /// Begins what it was prepared for, from another thread than its scheduler's. `first` is done there before.
    ///
    /// Its task is made here and now: so it has the task-locals of whoever spawns it, as it has when both live on one scheduler.
    nonisolated func launchElsewhere(_ first: @escaping @Sendable () -> Void) {
        let job = core.scheduler.firstJob { makeTask() }
        core.scheduler.post(
            .action { [self] in
                first()
                onOwnThread { $0.start(job) }
            })
    }

    /// Makes the task, whose first job the scheduler gets. On its thread, or while nobody else knows of the task.
    private nonisolated func makeTask() {
        ProcessCore.$current.withValue(core) { onOwnThread { me in me.task = Task { await me.run() } } }
    }

    /// Begins what it was prepared for. On its scheduler's thread.
    ///
    /// - Parameter job: the first one of its task, if that was made elsewhere.
    func start(_ job: UnownedJob? = nil) {
        // A task runs in any case; without a body it ends at once.
        defer { if let job { core.scheduler.runHere(job) } }
        // One that was asked to end before its first moment has none.
        if let reason = core.exitReason {
            body = nil
            task = nil
            close()
            return core.finish(reason)
        }
        core.enlist(self)
        if job == nil { makeTask() }
    }

    /// What the task of a process does. It captures nothing but the process, so that it needs no box.
    private func run() async {
        core.taskIdentity = core.scheduler.runningJob
        guard let body else { return }
        self.body = nil
        do {
            try await body(self)
            end(.normal)
        } catch {
            end(ExitReason(thrown: error))
        }
    }

    /// The body has returned.
    private func end(_ reason: ExitReason) {
        close()
        task = nil
        core.finish(core.exitReason ?? reason)
        special = nil
    }

    /// No message is taken any more, and none that waits is kept.
    private func close() {
        isOpen = false
        updatePlainness()
        if queue.count > 0 { dropWaiting() }
        bound?.close()
        core.cancelTimers()
        guard let special else { return }
        releaseMonitors(special)
        answerSystemRequests(special)
    }
}

extension Process: ProcessHost {
    package nonisolated func exitSignalArrived(_ reason: ExitReason) {
        onOwnThread { me in
            me.close()
            me.resumeReceiver()
            me.task?.cancel()
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

    package nonisolated var isRunning: Bool { onOwnThread { $0.task != nil } }
}

extension ExitReason {
    /// What an end by `error` means.
    @usableFromInline
    init(thrown error: any Error) { self = error as? ExitReason ?? .error(error) }
}
