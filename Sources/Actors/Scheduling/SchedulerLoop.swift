internal import CHansomSystem
internal import DequeModule
internal import Glibc
internal import Synchronization

extension Scheduler {
    /// How many jobs run before the loop looks at descriptors and alarms again.
    private static let jobsPerRound = 256
    /// How many posts of other threads are taken before the loop looks at descriptors and alarms again.
    static let postsPerDrain = 256
    /// How many alarms ring before others have their turn.
    static let alarmsPerTurn = 1024
    /// How many rounds of jobs run after the end was asked for.
    private static let lastRounds = 1_000

    /// Runs the loop on the calling thread until `stop`.
    func runLoop() {
        onThisThread {
            phase.store(.running, ordering: .sequentiallyConsistent)
            Timekeeper.shared.watch(self)
            defer { endsToBeWatched() }
            while phase.load(ordering: .relaxed) == .running {
                turn(maySleep: true)
            }
            runOut()
        }
        phase.store(.stopped, ordering: .sequentiallyConsistent)
        // What was posted between the last turn and `stopped` is run here; later posts run where they are posted.
        runAfterlife()
    }

    /// Asks the loop to end. Work that is ready still runs. Once it has ended this does nothing.
    func stop() {
        post(
            .action { [self] in
                _ = phase.compareExchange(
                    expected: .running, desired: .stopping, ordering: .sequentiallyConsistent)
            })
    }

    /// Does what is ready and what that makes ready, until nothing is left, armed alarms included: none of them rings
    /// any more.
    ///
    /// Not for ever: a task that never rests must not hold up the end. What it leaves runs when somebody posts again.
    func runOut() {
        for _ in 0..<Scheduler.lastRounds {
            var worked = drainInbox(atMost: .max)
            if runJobs() { worked = true }
            if flush() { worked = true }
            if !worked && !dropAlarms() { return }
        }
        _ = dropAlarms()
    }

    /// Lets go of all that armed alarms hold, which may hold this scheduler: they would keep each other for ever.
    /// Whether there were any.
    private func dropAlarms() -> Bool {
        var dropped = false
        // Those that are armed meanwhile have their turn in the next round.
        let last = alarms.lastTicket
        // Each is out of the heap before it lets go: what goes with it may arm and disarm others.
        while let alarm = alarms.popDue(at: .max, armedUpTo: last) {
            dropped = true
            alarm.lapse()
        }
        return dropped
    }

    /// One turn: posts, alarms, descriptors, jobs, flushes. Says whether there was anything to do.
    @discardableResult
    package func turn(maySleep: Bool) -> Bool {
        turns &+= 1
        var worked = drainInbox()
        if eventsTold == eventsFound {
            eventsFound = poll(maySleep: maySleep && !worked && isIdle)
            eventsTold = 0
        } else {
            lookAtClock()
        }
        if ringAlarms() { worked = true }
        if tellObservers() { worked = true }
        if drainInbox() { worked = true }
        if runJobs() { worked = true }
        if flush() { worked = true }
        return worked
    }

    /// Whether this thread has left itself nothing to do.
    private var isIdle: Bool { ready.isEmpty && laterHere.isEmpty && flushes.isEmpty && postsLeft == 0 }

    /// Moves what other threads posted to where it runs: in order, and so much at most, in number and in time. The rest
    /// has its turn when descriptors and alarms have had theirs, so that no flood of posts holds them up.
    func drainInbox(atMost most: Int = Scheduler.postsPerDrain) -> Bool {
        if postsLeft == 0 {
            if inbox.isEmpty { return false }
            postsLeft = takePosts()
        }
        for _ in 0..<min(most, postsLeft) {
            postsLeft -= 1
            beat()
            switch nextPost() {
            case .job(let job):
                ready.append(job)
                jobsPosted &+= 1
            case .action(let action): action()
            case .signal(let signal): signal()?()
            case .request(let call, let deliver):
                call.begin()
                deliver()
            case .served(let signal): signal.finish()
            case .done: break
            }
            if postsLeft & 15 == 0, most < .max, hasTicked() { break }
        }
        return true
    }

    private func poll(maySleep: Bool) -> Int {
        guard maySleep else {
            let found = poller.wait(timeout: 0)
            lookAtClock()
            return found
        }
        let before = now
        now = clock
        busyTime &+= now &- before
        if spin() { return look() }
        isParked.store(true, ordering: .sequentiallyConsistent)
        guard inbox.isEmpty else {
            isParked.store(false, ordering: .sequentiallyConsistent)
            Timekeeper.shared.schedulerWoke()
            return look()
        }
        let found = poller.wait(timeout: sleepTime())
        if !isParked.exchange(false, ordering: .sequentiallyConsistent) { spins.wasWokenByPost() }
        beat()
        Timekeeper.shared.schedulerWoke()
        now = clock
        tick = coarseClock
        return found
    }

    /// Reads the time after time that was worked.
    private func lookAtClock() {
        let before = now
        now = clock
        busyTime &+= now &- before
    }

    /// Asks what is ready after idle time.
    private func look() -> Int {
        let found = poller.wait(timeout: 0)
        now = clock
        return found
    }

    /// How long there is nothing to do, as far as alarms tell.
    private func sleepTime() -> UInt64? {
        guard let soonest = alarms.soonest else { return nil }
        // Time that flows was read a moment ago. Time that is moved by hand may have been since, by one who did not see
        // that the scheduler was about to sleep.
        let now = time.flows && spins.rounds == 0 ? now : clock
        if soonest <= now { return 0 }
        return time.flows ? soonest - now : nil
    }

    /// Looks for posts for a moment. Whether there were any.
    private func spin() -> Bool {
        guard spins.rounds > 0 else { return false }
        for round in 1...spins.rounds {
            if !inbox.isEmpty {
                spins.wasWokenByPost()
                return true
            }
            // The one that is to post may be waiting for this very core.
            if round % SpinBudget.roundsPerYield == 0 { sched_yield() } else { hansom_spin_hint() }
        }
        spins.wasVain()
        return false
    }

    private func ringAlarms() -> Bool {
        var rang = false
        // Those that the ringing ones arm have their turn in the next round, and so have those beyond the bound: none
        // can hold up the loop.
        let last = alarms.lastTicket
        var left = Scheduler.alarmsPerTurn
        while left > 0, let alarm = alarms.popDue(at: now, armedUpTo: last) {
            rang = true
            left -= 1
            beat()
            alarm.ring()
            if left & 15 == 0, hasTicked() { break }
        }
        return rang
    }

    /// Tells those whose descriptors are ready, for about a tick of the coarse clock. The others are told in the next
    /// turn, before anything else is found. Whether there were any.
    private func tellObservers() -> Bool {
        guard eventsTold < eventsFound else { return false }
        while eventsTold < eventsFound {
            let (token, readiness) = poller.event(eventsTold)
            eventsTold += 1
            beat()
            watches.observer(of: token)?.descriptorIsReady(readiness)
            if eventsTold & 7 == 0, hasTicked() { break }
        }
        return true
    }

    /// Runs ready jobs, those they make ready too, up to the round's bounds: so many, or until the coarse clock moves, or
    /// one has spent its budget. So alarms and descriptors wait for one budget at most before somebody looks at them.
    func runJobs() -> Bool {
        let worked = runDeferred()
        // Read in any case: whoever works in callbacks asks whether it has moved since.
        tick = coarseClock
        if ready.isEmpty { return worked }
        var left = Scheduler.jobsPerRound
        var ran: UInt64 = 0
        while left > 0, let job = ready.popFirst() {
            beat()
            // Safety: a job is one pointer; it is only compared.
            runningJob.store(unsafe unsafeBitCast(job, to: UInt.self), ordering: .relaxed)
            budget.begin()
            untilSample &-= 1
            if untilSample <= 0 { budget.holdFirstBack() }
            unsafe job.runSynchronously(on: asUnownedSerialExecutor())
            ran &+= 1
            left &-= 1
            if !budget.isUntouched {
                if budget.isSpent { left = 0 }
                untilSample &-= budget.grantedAndTaken
            }
            let before = tick
            if hasTicked() {
                jobTook(tick &- before)
                break
            }
        }
        runningJob.store(0, ordering: .relaxed)
        budget.pause()
        jobsRun &+= ran
        return true
    }

    private func runDeferred() -> Bool {
        if laterHere.isEmpty { return false }
        // What they ask for is done in the next round, and so is what there is no time for in this one.
        let count = laterHere.count
        for done in 1...count {
            guard let action = laterHere.popFirst() else { break }
            beat()
            action()
            if done & 7 == 0, hasTicked() { break }
        }
        if count > 4096 && laterHere.isEmpty { laterHere = [] }
        return true
    }

    /// Hands to the kernel what this turn gathered.
    func flush() -> Bool {
        if flushes.isEmpty { return false }
        swap(&flushes, &flushing)
        // A flush may cancel any of them, and ask for more.
        for index in 0..<flushing.count {
            beat()
            // The last reference to one may be here, and what goes with it may cancel another flush: it goes when the
            // list is not being changed.
            flushing.take(index)?.flushAtEndOfTurn()
        }
        flushing.removeAll()
        return true
    }
}

/// How long a scheduler looks for work before it sleeps.
///
/// Two schedulers that pass single messages back and forth would pay two system calls a hop if each slept at once.
/// So a scheduler whose last sleep was ended by another thread spins briefly first; one whose work comes from
/// sockets does not spin at all, and a spin that found nothing halves the next.
struct SpinBudget {
    static let most = 2_000
    static let least = 50
    /// After so many it offers its core to whoever waits for it.
    static let roundsPerYield = 128
    private(set) var rounds = 0

    /// Another thread's post ended a wait, or a spin found one.
    mutating func wasWokenByPost() { rounds = SpinBudget.most }

    /// A spin found nothing.
    mutating func wasVain() { rounds = rounds / 2 < SpinBudget.least ? 0 : rounds / 2 }
}
