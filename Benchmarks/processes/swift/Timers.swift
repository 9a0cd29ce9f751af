import Actors

/// A million timers: set, then cancelled; and once more, rung when their time has come. Nanoseconds for a timer. On
/// several schedulers: a share on each.
struct Timers: Measure {
    private let count = 1_000_000

    func figures(_ bench: Bench) async throws -> [Figure] {
        _ = try await figures(count / 10, bench.schedulers)
        return try await figures(count, bench.schedulers)
    }

    private func figures(_ count: Int, _ schedulers: [Scheduler]) async throws -> [Figure] {
        let long = try await onEach(schedulers, count) { count, scheduler in
            try await run(on: scheduler) { setAndCancel($0, count) }
        }
        let set = Sample(merging: long.map(\.set))
        let enough = Duration.seconds(set.seconds * 1.5 + 0.1)
        let fired = try await onEach(schedulers, count) { count, scheduler in
            try await run(on: scheduler) { await fire($0, count, within: enough) }
        }
        return [
            Figure(name: "timer set", value: set.nanosecondsEach),
            Figure(name: "timer cancel", value: Sample(merging: long.map(\.cancel)).nanosecondsEach),
            Figure(name: "timer fire", value: Sample(merging: fired).nanosecondsEach),
        ]
    }

    /// From one to two minutes away, in no order.
    private func setAndCancel(_ me: isolated Process<Int>, _ count: Int) -> (set: Sample, cancel: Sample) {
        var timers: [TimerReference] = []
        timers.reserveCapacity(count)
        let begin = ContinuousClock.now
        for number in 0..<count { timers.append(me.sendAfter(.milliseconds(60_000 + number * 7_919 % 60_000), number)) }
        let between = ContinuousClock.now
        for timer in timers.reversed() { _ = me.cancel(timer) }
        return (Sample(operations: count, since: begin, until: between), Sample(operations: count, since: between))
    }

    /// All come due within ten milliseconds, after the last has been set: from the first's time to the last's arrival.
    private func fire(_ me: isolated Process<Int>, _ count: Int, within wait: Duration) async -> Sample {
        let due = ContinuousClock.now + wait
        for number in 0..<count { _ = me.sendAfter(due + .milliseconds(number % 10) - .now, number) }
        let isLate = ContinuousClock.now > due
        for _ in 0..<count { _ = await me.receive() }
        let sample = Sample(operations: count, since: due)
        return isLate ? await fire(me, count, within: wait * 2) : sample
    }
}
