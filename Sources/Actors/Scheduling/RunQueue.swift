internal import Synchronization

/// The jobs that are ready on one scheduler: a ring that doubles when it is full.
@usableFromInline
@safe struct JobQueue: ~Copyable {
    // Safety: `ring` holds `mask + 1` slots; those from `head` on, `count` of them, are initialised.
    @usableFromInline var ring: UnsafeMutablePointer<UnownedJob>
    @usableFromInline var mask: Int
    @usableFromInline var head = 0
    @usableFromInline var count = 0

    init() {
        mask = 255
        unsafe ring = .allocate(capacity: 256)
    }

    @inlinable
    deinit { unsafe ring.deallocate() }

    var isEmpty: Bool { count == 0 }

    @inlinable
    mutating func append(_ job: UnownedJob) {
        if count > mask { grow() }
        unsafe (ring + ((head &+ count) & mask)).initialize(to: job)
        count &+= 1
    }

    mutating func popFirst() -> UnownedJob? {
        guard count > 0 else { return nil }
        let job = unsafe (ring + head).move()
        head = (head &+ 1) & mask
        count &-= 1
        return job
    }

    @usableFromInline
    mutating func grow() {
        let bigger = UnsafeMutablePointer<UnownedJob>.allocate(capacity: (mask + 1) * 2)
        for index in 0..<count {
            unsafe (bigger + index).initialize(to: (ring + ((head + index) & mask)).move())
        }
        unsafe ring.deallocate()
        unsafe ring = bigger
        mask = mask * 2 + 1
        head = 0
    }
}

/// What other threads hand to a scheduler: a queue behind a lock that is held for an append or a swap, and nothing
/// longer. Actions run in the order in which they were posted; jobs become ready in that order, and run after the
/// actions that were posted before them.
struct Inbox: ~Copyable {
    enum Item {
        case job(UnownedJob)
        case action(@Sendable () -> Void)
        /// What the timekeeper does if the scheduler is held; what it returns is left to the scheduler's thread.
        case signal(Scheduler.Signal)
        /// A call: its caller watches for the callee's end, which is as good as a signal, and then the request is
        /// delivered.
        case request(PendingCall, deliver: @Sendable () -> Void)
        /// A signal that the timekeeper carries out just now, or has.
        case served(ServedSignal)
        /// One that was done.
        case done

        fileprivate var isSignal: Bool {
            switch self {
            case .signal, .request: true
            case .job, .action, .served, .done: false
            }
        }

        /// Leaves a place for what is to be done on the scheduler's thread when the timekeeper has carried it out; `nil`
        /// if it is no signal.
        mutating func serve() -> ServedSignal? {
            let served: ServedSignal
            switch self {
            case .signal(let signal): served = ServedSignal(signal)
            case .request(let call, let deliver):
                served = ServedSignal {
                    call.begin()
                    return deliver
                }
            case .job, .action, .served, .done: return nil
            }
            self = .served(served)
            return served
        }
    }

    /// A signal that another thread than the scheduler's carries out, in its place among what was posted.
    final class ServedSignal: @unchecked Sendable {
        // Safety: both vars are touched with `lock` held. What is carried out meanwhile runs no code of the user's.
        private let lock = Lock()
        private var signal: Scheduler.Signal?
        private var rest: (@Sendable () -> Void)?

        init(_ signal: @escaping Scheduler.Signal) { self.signal = signal }

        /// Carries it out, unless the scheduler's thread was first.
        func carryOut() {
            lock.withLock {
                guard let signal else { return }
                self.signal = nil
                rest = signal()
            }
        }

        /// Does what is left to do, or all of it. For the scheduler's thread.
        func finish() {
            carryOut()
            lock.withLock { () -> (@Sendable () -> Void)? in
                defer { rest = nil }
                return rest
            }?()
        }
    }

    private let lock = Lock()
    private let hasItems = Atomic<Bool>(false)
    private let items = Items()
    private let hasSignals = Atomic<Bool>(false)

    private final class Items: @unchecked Sendable {
        // Safety: read and written with `lock` held only.
        var waiting: [Item] = []
    }

    /// Whether something waits: a hint for the owner, exact after a fence.
    var isEmpty: Bool { !hasItems.load(ordering: .sequentiallyConsistent) }

    func post(_ item: Item) {
        lock.withLock {
            items.waiting.append(item)
            hasItems.store(true, ordering: .sequentiallyConsistent)
            if item.isSignal { hasSignals.store(true, ordering: .relaxed) }
        }
    }

    /// Takes the signals of those in `taken` and of those that wait, in their order, and leaves them their places.
    func serveSignals(_ taken: inout [Item], from first: Int) -> [ServedSignal] {
        guard hasSignals.exchange(false, ordering: .sequentiallyConsistent) else { return [] }
        var served: [ServedSignal] = []
        for index in first..<taken.count { if let signal = taken[index].serve() { served.append(signal) } }
        lock.withLock {
            for index in items.waiting.indices {
                if let signal = items.waiting[index].serve() { served.append(signal) }
            }
        }
        return served
    }

    /// Takes all that waits, leaving `spare` (empty, with its capacity) in its place.
    func swap(with spare: inout [Item]) {
        lock.withLock {
            Swift.swap(&items.waiting, &spare)
            hasItems.store(false, ordering: .sequentiallyConsistent)
        }
    }
}

/// Where one suspended call of an actor waits, at less cost than a continuation.
///
/// A continuation resumes on the global pool unless its task prefers an executor, and a task that does pays for it
/// at every call (a lock and a look-up in the runtime). A gatekeeper is an actor that is its own executor, and that
/// executor only puts the job that it is given into the gate. So a task that calls `pass` stops there, and `open` puts
/// its job straight into the scheduler's run queue: no hop, no lock, no allocation.
@usableFromInline
package class Gate: @unchecked Sendable {
    // Safety: touched by the scheduler's thread only: the task that passes runs there, and so does whoever opens. No
    // access calls out.
    @safe @exclusivity(unchecked) @usableFromInline final var waiting: UnownedJob?

    package init() {}

    /// Waits until the gate is opened. For one task at a time, which runs as an actor of `scheduler`.
    @inlinable
    @inline(__always)
    package final func pass(on scheduler: Scheduler) async {
        leadNext(of: scheduler)
        await scheduler.gatekeeper.stop()
    }

    /// The task that stops next at the gatekeeper of `scheduler` waits here: the calling one, which must do so at once.
    @inlinable
    @inline(__always)
    package final func leadNext(of scheduler: Scheduler) { unsafe scheduler.gatekeeper.gate = .passUnretained(self) }

    /// Lets the task that waits go on, in this turn of `scheduler`, which must be the caller's.
    @inlinable
    package final func open(on scheduler: Scheduler) {
        guard let job = waiting else { return }
        waiting = nil
        scheduler.runHere(job)
    }
}

/// Leads the tasks of one scheduler to their gates.
@usableFromInline
@safe package final actor Gatekeeper: SerialExecutor {
    // Safety: touched by the scheduler's thread only. From the moment when a task names its gate until the task stops,
    // which it does at once, the task holds the gate. No access to these calls out.
    // One that names none goes on at once, at the end of the run queue. The scheduler holds its gatekeeper, and whoever
    // stops here its scheduler.
    @exclusivity(unchecked) @usableFromInline nonisolated(unsafe) var gate: Unmanaged<Gate>?
    @exclusivity(unchecked) nonisolated(unsafe) unowned(unsafe) var scheduler: Scheduler?
    private var stops: UInt64 = 0

    init() {}

    @usableFromInline package nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }

    @usableFromInline package nonisolated func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if let gate = unsafe gate {
            unsafe gate._withUnsafeGuaranteedRef { $0.waiting = job }
        } else {
            unsafe scheduler?.runHere(job)
        }
    }

    /// Where a task stops that has named its gate.
    @usableFromInline package func stop() { stops &+= 1 }
}

extension Actor {
    /// Runs `body` as the actor, from code that already is on the thread of the actor's scheduler.
    ///
    /// What `assumeIsolated` does, less its check, which a socket event should not pay for. A closure that captures
    /// nothing costs nothing; one that must not escape would have to be boxed twice to be called.
    @inlinable
    @inline(__always)
    package nonisolated func onOwnThread<R>(_ body: @escaping (isolated Self) -> R) -> R {
        // Safety: the caller is on the actor's scheduler, so nothing else runs as the actor now; a function type with
        // an isolated parameter is called like one without.
        unsafe unsafeBitCast(body, to: ((Self) -> R).self)(self)
    }

    /// The same for a body that takes something, which a closure that captured it would be allocated for.
    @inlinable
    @inline(__always)
    package nonisolated func onOwnThread<A, R>(_ argument: A, _ body: @escaping (isolated Self, A) -> R) -> R {
        // Safety: as above.
        unsafe unsafeBitCast(body, to: ((Self, A) -> R).self)(self, argument)
    }
}
