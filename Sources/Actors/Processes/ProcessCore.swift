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
    private var observers: [(id: UInt64, tell: (ExitReason) -> Void)] = []
    private var grace: Alarm?
    /// Called once when the process is asked to end; the host then calls `finish` when it has.
    package var onExitSignal: ((ExitReason) -> Void)?

    /// How long a process may take to end after an exit signal before it is marked dead.
    package static let defaultGrace = Duration.seconds(5)

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

    /// Begins to count as a process of its scheduler.
    package func enlist() { scheduler.processes[id] = self }

    /// The reason it is ending or has ended with, if it is or has.
    package var exitReason: ExitReason? {
        switch life {
        case .running: nil
        case .exiting(let reason), .dead(let reason): reason
        }
    }

    /// Calls `tell` once when the process has ended: at once, with `.noProcess`, if it has already.
    @discardableResult
    package func addObserver(_ tell: @escaping (ExitReason) -> Void) -> UInt64 {
        if case .dead = life {
            tell(.noProcess)
            return 0
        }
        let id = ProcessCore.nextID()
        observers.append((id, tell))
        return id
    }

    package func removeObserver(_ id: UInt64) { observers.removeAll { $0.id == id } }

    /// An exit signal arrived.
    package func receiveExit(_ reason: ExitReason) {
        switch (life, reason.kind) {
        case (.dead, _), (.running, .normal), (.exiting, .normal): return
        case (_, .kill):
            // One that is ending already lets go at once of what it still holds.
            onExitSignal?(.killed)
            finish(.killed)
        case (.exiting, _): return
        case (.running, _):
            life = .exiting(reason)
            let alarm = Alarm { [unowned self] in finish(.killed) }
            grace = alarm
            scheduler.arm(alarm, after: ProcessCore.defaultGrace)
            onExitSignal?(reason)
        }
    }

    /// The process has ended: everyone who waits for it is told, once. Later calls do nothing.
    package func finish(_ reason: ExitReason) {
        if case .dead = life { return }
        if let grace { scheduler.disarm(grace) }
        grace = nil
        life = .dead(reason)
        alive.store(false, ordering: .releasing)
        onExitSignal = nil
        let told = observers
        observers = []
        scheduler.removeProcess(id)
        for observer in told { observer.tell(reason) }
    }
}
