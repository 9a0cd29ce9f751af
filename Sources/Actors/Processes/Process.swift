internal import DequeModule

/// A process: an actor with a mailbox of its own and a body that reads it, in the manner of Erlang.
///
///     let counter = Process<Int>.spawn { me in
///         var total = 0
///         for await n in me.mailbox { total += n }
///     }
///     counter.send(3)
///     let reason = await counter.down()
///
/// It handles one message at a time: what its body awaits lets no other message in. It lives on one scheduler, and
/// ends when its body returns or throws.
public actor Process<Message: Sendable> {
    package nonisolated let core: ProcessCore
    private var waiting = Deque<Message>()
    private let gate = Gate()
    private var isReceiving = false
    private var received: Message?
    private var receiveAlarm: Alarm?
    private var isOpen = true
    private var task: Task<Void, Never>?

    public typealias Body = @Sendable (isolated Process<Message>) async throws -> Void

    private init(core: ProcessCore) { self.core = core }

    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe core.scheduler.asUnownedSerialExecutor()
    }

    /// Which process this is.
    public nonisolated var pid: PID { core.pid }

    /// Starts a process. Never fails.
    ///
    /// - Parameters:
    ///   - scheduler: where it lives; default: the caller's scheduler, or from outside one of the shared group's in
    ///     turn.
    ///   - body: what it does. It runs as the process, on its thread.
    @discardableResult
    public static func spawn(on scheduler: Scheduler? = nil, _ body: @escaping Body) -> Process<Message> {
        let process = Process(core: ProcessCore(on: scheduler ?? Scheduler.current ?? SchedulerGroup.shared.next()))
        process.core.scheduler.run { process.onOwnThread { $0.start(body) } }
        return process
    }

    /// Sends a message. Never suspends and never fails; messages of one sender arrive in order.
    ///
    /// To a process that has ended it does nothing.
    public nonisolated func send(_ message: Message) {
        core.scheduler.run { self.onOwnThread { $0.deliver(message) } }
    }

    /// Asks the process to end, as `PID.exit(_:)` does.
    public nonisolated func exit(_ reason: ExitReason) { pid.exit(reason) }

    /// Waits for its end and returns the reason, as `PID.down()` does.
    public nonisolated func down() async -> ExitReason { await pid.down() }

    /// The messages, in order of arrival. Ends when the process is asked to end.
    public nonisolated var mailbox: Mailbox<Message> { Mailbox(process: self) }

    /// Takes the next message, waiting for one if there is none; `nil` once the process is asked to end.
    public func receive() async -> Message? {
        if let message = waiting.popFirst() { return message }
        guard isOpen else { return nil }
        return await wait(timeout: nil)
    }

    /// Takes the next message, waiting at most `timeout` for one; `nil` after that, or once it is asked to end.
    public func receive(timeout: Duration) async -> Message? {
        if let message = waiting.popFirst() { return message }
        guard isOpen else { return nil }
        return await wait(timeout: timeout)
    }

    /// Hears of the end of another process, once, as a message.
    ///
    /// - Parameters:
    ///   - target: the process to hear of; if it has ended already the message comes at once, with `.noProcess`.
    ///   - adapter: makes a message of this process's kind out of it.
    /// - Returns: a reference that the message carries, and that `demonitor` takes.
    @discardableResult
    public func monitor(_ target: PID, _ adapter: @escaping @Sendable (Down) -> Message) -> MonitorReference {
        let reference = MonitorReference(id: ProcessCore.nextID(), target: target)
        guard isOpen else { return reference }
        monitors.insert(reference)
        target.core.scheduler.run { [self] in
            target.core.addObserver(reference.id) { reason in
                self.core.scheduler.run {
                    self.onOwnThread { $0.deliver(Down(monitor: reference, pid: target, reason: reason), adapter) }
                }
            }
        }
        return reference
    }

    /// Stops hearing of it: no message arrives after this. One that has arrived stays in the mailbox.
    public func demonitor(_ reference: MonitorReference) {
        if monitors.remove(reference) != nil { Process.release(reference) }
    }

    /// Takes the observer back from the process it stands at, which may live long and must not keep this one.
    private static func release(_ monitor: MonitorReference) {
        let core = monitor.target.core
        core.scheduler.run { core.removeObserver(monitor.id) }
    }

    private func releaseMonitors() {
        let released = monitors
        monitors = []
        for monitor in released { Process.release(monitor) }
    }

    private var monitors: Set<MonitorReference> = []

    // MARK: Life

    private func start(_ body: @escaping Body) {
        core.enlist(self)
        task = ProcessCore.$current.withValue(core) {
            Task { end(await ExitReason(of: body, as: self)) }
        }
    }

    private func beExiting() {
        isOpen = false
        waiting.removeAll()
        releaseMonitors()
        resumeReceiver(with: nil)
        task?.cancel()
    }

    private func end(_ reason: ExitReason) {
        isOpen = false
        waiting = []
        releaseMonitors()
        task = nil
        core.finish(core.exitReason ?? reason)
    }

    // MARK: Messages

    private func deliver(_ message: Message) {
        guard isOpen else { return }
        if isReceiving {
            resumeReceiver(with: message)
        } else {
            waiting.append(message)
        }
    }

    private func deliver(_ down: Down, _ adapter: @Sendable (Down) -> Message) {
        if monitors.remove(down.monitor) != nil { deliver(adapter(down)) }
    }

    private func wait(timeout: Duration?) async -> Message? {
        precondition(!isReceiving, "a process receives in one place at a time")
        // A task that prefers an executor comes here in a job of its own: a message may have come since it looked.
        if let message = waiting.popFirst() { return message }
        guard isOpen else { return nil }
        isReceiving = true
        if let timeout {
            // Safety: the suspended call holds the process until the alarm has rung or is disarmed.
            let alarm = Alarm { [unowned(unsafe) self] in unsafe onOwnThread { $0.resumeReceiver(with: nil) } }
            receiveAlarm = alarm
            core.scheduler.arm(alarm, after: timeout)
        }
        await gate.pass()
        defer { received = nil }
        return received
    }

    private func resumeReceiver(with message: Message?) {
        guard isReceiving else { return }
        isReceiving = false
        if let receiveAlarm { core.scheduler.disarm(receiveAlarm) }
        receiveAlarm = nil
        received = message
        gate.open(on: core.scheduler)
    }
}

extension Process: ProcessHost {
    package nonisolated func exitSignalArrived(_ reason: ExitReason) { onOwnThread { $0.beExiting() } }
}

extension ExitReason {
    /// Runs a body to its end and says how it ended.
    fileprivate init<Message>(of body: Process<Message>.Body, as process: isolated Process<Message>) async {
        do {
            try await body(process)
            self = .normal
        } catch {
            self = .error(error)
        }
    }
}
