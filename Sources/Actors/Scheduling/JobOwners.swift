/// Whose the jobs are that Swift's runtime makes ready here, as far as that can be told: for reports of long jobs.
///
/// A process knows the task of its body. A task that the body has started is another, and nothing says whose it is while
/// it runs, to another thread least of all. But a task that is started here has the task-locals of the one that starts it,
/// which runs at that moment. (One that is resumed here by another process's task counts as that one's from then on.)
/// Whoever comes here from another executor has none to show by then, and keeps the owner that it had; a child task that
/// begins on the global pool has none.
///
/// There are 64 places, chosen by the job's address. Of two jobs that come to one place the later counts.
struct JobOwners {
    private var jobs = [UInt](repeating: 0, count: 64)
    private var owners = [UInt64](repeating: 0, count: 64)

    private static func place(_ job: UInt) -> Int { Int(truncatingIfNeeded: job >> 6 ^ job >> 12) & 63 }

    /// The job was made ready by a task of the process of that number; 0: by none, which takes its name away.
    mutating func note(_ job: UInt, _ owner: UInt64) {
        let place = JobOwners.place(job)
        guard owner != 0 || jobs[place] == job else { return }
        jobs[place] = job
        owners[place] = owner
    }

    /// The number of the process; 0: nobody knows.
    func owner(of job: UInt) -> UInt64 {
        let place = JobOwners.place(job)
        return jobs[place] == job ? owners[place] : 0
    }
}

extension Scheduler {
    /// A job was handed over by Swift's runtime, on this scheduler's thread.
    @inline(never)
    func noteOwner(of job: UnownedJob) {
        let owner = ProcessCore.current?.id ?? 0
        // Safety: a job is an object; it is only compared.
        exclusively { jobOwners.note(unsafe unsafeBitCast(job, to: UInt.self), owner) }
    }
}
