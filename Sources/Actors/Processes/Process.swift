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
public final actor Process<Message: Sendable> {
    /// What a process does. It runs as the process, on its scheduler's thread.
    public typealias Body = @Sendable (isolated Process<Message>) async throws -> Void

    @usableFromInline package nonisolated let core: ProcessCore
    // The mailbox: see Process+Delivery.swift and Process+Receive.swift.
    //
    // Safety: touched by the scheduler's thread only, as all state of an actor. No access to these calls out; each is over
    // before any other code runs. So they need neither a closure that runs as the actor nor checks of exclusivity.
    @safe @exclusivity(unchecked) @usableFromInline nonisolated(unsafe) var queue = MessageQueue<Message>()
    /// Whether the mailbox is open, unbounded, not suspended and not traced, and nobody waits in it for anything but the
    /// next message, whenever it comes: then a message needs no more than a place.
    @safe @exclusivity(unchecked) @usableFromInline nonisolated(unsafe) var isPlain: Bool
    /// Whether the body waits for a message.
    @safe @exclusivity(unchecked) @usableFromInline nonisolated(unsafe) var isWaiting = false
    @safe @exclusivity(unchecked) @usableFromInline var handled: UInt64 = 0
    @usableFromInline var isOpen = true
    /// Whether the body answers what introspection asks, as a server does.
    @usableFromInline var servesRequests = false
    /// Few have more of it than this.
    @usableFromInline var special: Special?

    /// What it does, until it begins.
    // Safety: written before anybody else knows the process, then touched by the scheduler's thread only.
    @safe nonisolated(unsafe) var body: Body?
    var task: Task<Void, Never>?

    /// A process that has not begun. Whoever starts it does so on its thread.
    @usableFromInline
    init(on scheduler: Scheduler?, _ mailbox: MailboxOptions = .unbounded, parent: ProcessCore? = nil) {
        core = ProcessCore(
            on: scheduler ?? .forNewProcess, messageType: Message.self, parent: parent ?? ProcessCore.current,
            places: mailbox.bound.map { MailboxBound<Message>($0) })
        isPlain = core.places == nil
    }

    /// The places of the mailbox, if it is bounded.
    nonisolated var bound: MailboxBound<Message>? {
        // Safety: a process of such messages has made it.
        core.places.map { unsafe unsafeDowncast($0, to: MailboxBound<Message>.self) }
    }

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
    public nonisolated func down() async -> ExitReason { await pid.down() }

    /// The messages, in order of arrival. Ends when the process is asked to end.
    public nonisolated var mailbox: Mailbox<Message> { Mailbox(process: self) }

    /// What a process has once it uses more of its mailbox than most: adapters for signals, filters, timers.
    @usableFromInline
    final class Special {
        /// What the waiting body wants; `nil` for anything.
        var filter: ((Message) -> Bool)?
        /// Rings when the body has waited long enough.
        var patience: Alarm?
        var isPatienceOver = false
        var isSuspended = false
        var exitAdapter: (@Sendable (ExitSignal) -> Message)?
        var monitors: Set<MonitorReference> = []
        var groupMonitors: Set<UInt64> = []
        /// At which places of the queue the messages stand that signals have become, by the numbers of the signals. Some
        /// may have been taken since, when the mailbox was plain: their places are before the queue's head.
        var signalPlaces: [UInt64: Int] = [:]
        /// Where the message stands that a selective receive is asking about, as long as it is there.
        var judged: Int?
        var tracer: (@Sendable (TraceEvent) -> Void)?
        /// What is asked of the process between two messages, and before the message at which place.
        var systemRequests: [(place: Int, request: SystemRequest)] = []

        init() {}

        var isPlain: Bool {
            !isSuspended && filter == nil && patience == nil && tracer == nil && systemRequests.isEmpty
        }
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
        isPlain = isOpen && bound == nil && special?.isPlain != false
    }
}

extension Process: Supervisable {}
