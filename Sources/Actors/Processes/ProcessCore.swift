internal import Synchronization

/// What every process has, whatever its kind: identity, its way of life, and those who wait for its end.
///
/// `Process` and `WebSocket` each embed one, so that a connection is one actor and not two. It outlives its process
/// as the tombstone that a `PID` refers to.
package final class ProcessCore: @unchecked Sendable {
    // Safety: `id`, `scheduler` and `alive` are made for any thread; the rest belongs to the scheduler's thread.
    package let id: UInt64
    package let scheduler: Scheduler
    private let alive = Atomic<Bool>(true)
    private var life = Life.running
    /// Most have one observer, which needs no storage of its own.
    private var observer: Observer?
    private var moreObservers: [UInt64: Observer] = [:]
    private var grace: Alarm?
    // Safety: a host that goes has finished its core, which then forgets it.
    private unowned(unsafe) var host: (any ProcessHost)?

    /// How long a process may take to end after an exit signal before it is marked dead.
    package static let defaultGrace = Duration.seconds(5)

    private struct Observer {
        let id: UInt64
        let tell: (ExitReason) -> Void
    }

    private enum Life {
        case running
        case exiting(ExitReason)
        case dead(ExitReason)
    }

    private static let lastID = Atomic<UInt64>(0)

    package static func nextID() -> UInt64 { lastID.wrappingAdd(1, ordering: .relaxed).newValue }

    /// The process whose body or handler the current task runs.
    @TaskLocal package static var current: ProcessCore?

    package init(on scheduler: Scheduler) {
        id = ProcessCore.nextID()
        self.scheduler = scheduler
    }

    package var pid: PID { PID(self) }

    package var isAlive: Bool { alive.load(ordering: .acquiring) }

    // MARK: On the scheduler's thread

    /// Begins to count as a process of its scheduler, hosted by `host`, which is not retained. If the scheduler is ending,
    /// the process is asked to end as well.
    package func enlist(_ host: any ProcessHost) {
        unsafe self.host = host
        scheduler.processes[id] = self
        if scheduler.isEnding { scheduler.deferAction { [self] in receiveExit(.shutdown) } }
    }

    /// The reason it is ending or has ended with, if it is or has.
    package var exitReason: ExitReason? {
        switch life {
        case .running: nil
        case .exiting(let reason), .dead(let reason): reason
        }
    }

    /// The reason it has ended with, if it has.
    package var endReason: ExitReason? {
        if case .dead(let reason) = life { reason } else { nil }
    }

    /// Calls `tell` once when the process has ended: at once, with `.noProcess`, if it has already.
    ///
    /// - Parameter id: what `removeObserver` takes; a number of its own from `nextID`.
    /// - Returns: `id`.
    @discardableResult
    package func addObserver(
        _ id: UInt64 = ProcessCore.nextID(), _ tell: @escaping (ExitReason) -> Void
    ) -> UInt64 {
        if case .dead = life {
            tell(.noProcess)
        } else if observer == nil {
            observer = Observer(id: id, tell: tell)
        } else {
            moreObservers[id] = Observer(id: id, tell: tell)
        }
        return id
    }

    /// How many wait for its end.
    package var observerCount: Int { (observer == nil ? 0 : 1) + moreObservers.count }

    /// Takes an observer back. It costs the same however many there are.
    package func removeObserver(_ id: UInt64) {
        if observer?.id == id { observer = nil } else { moreObservers[id] = nil }
    }

    /// Takes all observers, in the order in which they asked.
    private func takeObservers() -> [Observer] {
        var all = Array(moreObservers.values)
        if let observer { all.append(observer) }
        if all.count > 1 { all.sort { $0.id < $1.id } }
        observer = nil
        moreObservers = [:]
        return all
    }

    /// An exit signal arrived.
    ///
    /// - Parameter isOwn: whether the process sent it to itself.
    package func receiveExit(_ reason: ExitReason, isOwn: Bool = false) {
        switch (life, reason.kind) {
        case (.dead, _): return
        case (.running, .normal) where !isOwn: return
        case (_, .kill):
            // One that is ending already lets go at once of what it still holds.
            unsafe host?.exitSignalArrived(.killed)
            finish(.killed)
        case (.exiting, _): return
        case (.running, _):
            life = .exiting(reason)
            let alarm = Alarm { [unowned self] in finish(.killed) }
            grace = alarm
            scheduler.arm(alarm, after: ProcessCore.defaultGrace)
            unsafe host?.exitSignalArrived(reason)
        }
    }

    /// The process has ended: everyone who waits for it is told, once. Later calls do nothing.
    package func finish(_ reason: ExitReason) {
        if case .dead = life { return }
        if let grace { scheduler.disarm(grace) }
        grace = nil
        life = .dead(reason)
        alive.store(false, ordering: .releasing)
        unsafe host = nil
        let told = takeObservers()
        scheduler.removeProcess(id)
        for observer in told { observer.tell(reason) }
    }
}

/// What is a process: the actor that embeds the core.
package protocol ProcessHost: AnyObject {
    /// The process is to end: once for a reason, and once more if it is then killed. When it has ended it calls
    /// `finish` on its core.
    func exitSignalArrived(_ reason: ExitReason)
}
