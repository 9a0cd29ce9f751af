/// How a supervisor stops children. It is linked to them and traps exits, so that their ends are messages to it.
extension Process {
    /// Links a child that has started. One that has ended meanwhile is heard of like any other, with its true reason.
    func adopt(_ child: PID) {
        guard !core.machine.isDead else { return child.exit(.killed) }
        core.link(to: child.core, truth: true)
    }

    /// Stops one child and waits until it has ended.
    ///
    /// - Parameter exitOf: who has ended, if that is what a message says.
    func stop(_ child: PID, _ shutdown: Child.Shutdown, _ exitOf: @escaping (Message) -> PID?) async {
        // A child may have undone the link; without it nothing would be heard of its end. (OTP: `monitor_child`.)
        core.link(to: child.core, truth: true)
        let patience = shutdown.patience
        if patience != .zero {
            core.sendExit(.shutdown, to: child.core, grace: patience)
            if await waitForExit(of: child, patience, exitOf) { return }
        }
        child.exit(.kill)
        _ = await waitForExit(of: child, nil, exitOf)
    }

    /// Takes the exit signal of a linked child out of the mailbox, wherever it stands.
    private func waitForExit(
        of child: PID, _ patience: Duration?, _ exitOf: @escaping (Message) -> PID?
    ) async -> Bool {
        await receive(timeout: patience) { exitOf($0) == child } != nil
    }

    /// Stops many children at once and waits until all have ended.
    func stopAll(_ children: Set<PID>, _ shutdown: Child.Shutdown, _ exitOf: @escaping (Message) -> PID?) async {
        var left = children
        for child in left { core.link(to: child.core, truth: true) }
        let patience = shutdown.patience
        if patience != .zero {
            for child in left { core.sendExit(.shutdown, to: child.core, grace: patience) }
            let deadline = patience.map { core.scheduler.time.nanoseconds &+ $0.clampedNanoseconds }
            while !left.isEmpty, let ended = await nextExit(until: deadline, exitOf) { left.remove(ended) }
        }
        for child in left { child.exit(.kill) }
        while !left.isEmpty, let ended = await nextExit(until: nil, exitOf) { left.remove(ended) }
    }

    private func nextExit(until deadline: UInt64?, _ exitOf: @escaping (Message) -> PID?) async -> PID? {
        let now = core.scheduler.time.nanoseconds
        let left = deadline.map { Duration.nanoseconds(Int64(clamping: $0 > now ? $0 - now : 0)) }
        return await receive(timeout: left, matching: exitOf)
    }
}

extension Child.Shutdown {
    /// How long a child may take after `.shutdown` before it is killed; `nil`: as long as it takes.
    var patience: Duration? {
        switch self {
        case .immediate: .zero
        case .infinity: nil
        case .after(let time): time
        }
    }
}
