extension Scheduler {
    /// Where a process goes that nobody has placed: to whoever starts it, also when that is a process whose task is
    /// elsewhere just now; from outside, to the shared group's schedulers in turn.
    package static var forNewProcess: Scheduler {
        current ?? ProcessCore.current?.scheduler ?? SchedulerGroup.shared.next()
    }

    func removeProcess(_ core: ProcessCore) {
        processes.remove(core)
        guard processes.isEmpty else { return }
        let waiting = whenEmpty
        whenEmpty = []
        for resume in waiting { resume() }
    }

    /// Sends every process `.shutdown`, those that come later too, and waits until all have ended, at most `grace`.
    ///
    /// - Returns: whether they have.
    func endProcesses(grace: Duration) async -> Bool {
        await withCheckedContinuation { continuation in
            run { [self] in
                isEnding = true
                for core in processes.cores { core.receiveExit(.shutdown) }
                if processes.isEmpty { return continuation.resume(returning: true) }
                let once = Once { continuation.resume(returning: $0) }
                let alarm = Alarm { once(false) }
                whenEmpty.append { [self] in
                    disarm(alarm)
                    once(true)
                }
                arm(alarm, after: grace)
            }
        }
    }
}

/// Calls its closure the first time it is called.
private final class Once {
    private var action: ((Bool) -> Void)?

    init(_ action: @escaping (Bool) -> Void) { self.action = action }

    func callAsFunction(_ value: Bool) {
        let action = action
        self.action = nil
        action?(value)
    }
}
