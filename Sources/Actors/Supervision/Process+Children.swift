/// How a supervisor stops children. It monitors those that it stops: a child may have undone its link.
extension Process {
    /// Links a child that has started. One that has ended meanwhile is heard of like any other, with its true reason.
    func adopt(_ child: PID) {
        guard !core.machine.isDead else { return child.exit(.killed) }
        core.link(to: child.core, truth: true)
    }

    /// Stops one child and waits until it has ended.
    func stop<S: Server>(_ child: PID, _ shutdown: Child.Shutdown) async
    where Message == ServerMessage<S>, S.Info: SupervisorInfo {
        let monitor = monitor(child) { .info(.down($0)) }
        defer { demonitor(monitor, flush: true) }
        let patience = shutdown.patience
        if patience != .zero {
            core.sendExit(.shutdown, to: child.core, grace: patience)
            if await waitForEnd(of: child, patience) { return }
        }
        child.exit(.kill)
        _ = await waitForEnd(of: child, nil)
    }

    private func waitForEnd<S: Server>(of child: PID, _ patience: Duration?) async -> Bool
    where Message == ServerMessage<S>, S.Info: SupervisorInfo {
        await receive(timeout: patience) { $0.end?.pid == child } != nil
    }

    /// Stops all children at once and waits until they have ended. Whatever else comes meanwhile is dropped: the
    /// supervisor ends, and takes no calls any more.
    func stopAll<S: Server>(_ children: some Sequence<PID>, _ shutdown: Child.Shutdown) async
    where Message == ServerMessage<S>, S.Info: SupervisorInfo {
        var left = Set(children)
        for child in left { monitor(child) { .info(.down($0)) } }
        let patience = shutdown.patience
        if patience != .zero {
            for child in left { core.sendExit(.shutdown, to: child.core, grace: patience) }
            let deadline = patience.map { core.scheduler.time.nanoseconds &+ $0.clampedNanoseconds }
            while !left.isEmpty, let ended = await nextEnd(until: deadline) { left.remove(ended) }
        }
        for child in left { child.exit(.kill) }
        while !left.isEmpty, let ended = await nextEnd(until: nil) { left.remove(ended) }
    }

    private func nextEnd<S: Server>(until deadline: UInt64?) async -> PID?
    where Message == ServerMessage<S>, S.Info: SupervisorInfo {
        // Not by choice: to step over what has gathered would cost more with every child.
        while let message = await receive(until: deadline) {
            if let ended = message.end { return ended.pid }
        }
        return nil
    }

    private func receive(until deadline: UInt64?) async -> Message? {
        guard let deadline else { return await receive() }
        let now = core.scheduler.time.nanoseconds
        return await receive(timeout: .nanoseconds(Int64(clamping: deadline > now ? deadline - now : 0)))
    }
}

/// What arrives at a supervisor, as far as stopping children needs to know.
protocol SupervisorInfo: Sendable {
    static func down(_ down: Down) -> Self
    /// The down that it is, if it is one.
    var end: Down? { get }
}

extension ServerMessage where S.Info: SupervisorInfo {
    fileprivate var end: Down? { if case .info(let info) = self { info.end } else { nil } }
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
