extension Scheduler {
    func removeProcess(_ id: UInt64) {
        processes[id] = nil
        guard processes.isEmpty else { return }
        let waiting = whenEmpty
        whenEmpty = []
        for resume in waiting { resume() }
    }

    /// Sends every process `.shutdown` and waits until all have ended, at most `grace`.
    func endProcesses(grace: Duration) async {
        await withCheckedContinuation { continuation in
            run { [self] in
                for core in Array(processes.values) { core.receiveExit(.shutdown) }
                if processes.isEmpty { return continuation.resume() }
                let once = Once { continuation.resume() }
                let alarm = Alarm { once() }
                whenEmpty.append { [self] in
                    disarm(alarm)
                    once()
                }
                arm(alarm, after: grace)
            }
        }
    }
}

/// Runs its closure the first time it is called.
private final class Once {
    private var action: (() -> Void)?

    init(_ action: @escaping () -> Void) { self.action = action }

    func callAsFunction() {
        let action = action
        self.action = nil
        action?()
    }
}
