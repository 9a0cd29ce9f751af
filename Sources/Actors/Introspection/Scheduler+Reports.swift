extension Scheduler {
    package func report(_ event: SystemEvent) { settings.report(event) }

    func reportLongMailbox(_ core: ProcessCore, length: Int) {
        report(.longMailbox(LongMailboxReport(process: core.identity, length: length)))
    }

    /// A job took `duration`. Who ran is found by the job's task, which stays the same from one suspension to the next.
    func reportLongJob(_ job: UInt, _ duration: UInt64) {
        longestJob = max(longestJob, duration)
        guard duration >= longJobLimit else { return }
        let core =
            processes.cores.first { $0.id == runningProcess }
            ?? processes.cores.first { $0.taskIdentity == job && job != 0 }
        report(
            .longJob(
                LongJobReport(
                    scheduler: index, process: core?.identity, duration: .nanoseconds(Int64(clamping: duration)))))
    }
}

extension ProcessCore {
    /// What reports say of it.
    package var identity: ProcessIdentity {
        ProcessIdentity(pid: pid, names: Registry.names(of: pid), label: label)
    }

    /// For a process that is about to end.
    func crashReport(_ reason: ExitReason) -> SystemEvent {
        .crash(
            CrashReport(
                process: identity, reason: reason, parent: parent,
                mailboxLength: unsafe host?.activity.waiting ?? 0, links: links.peers,
                age: scheduler.age(since: startedAt)))
    }
}

extension Scheduler {
    func age(since start: UInt64) -> Duration {
        let now = time.nanoseconds
        return .nanoseconds(Int64(clamping: now > start ? now - start : 0))
    }
}
