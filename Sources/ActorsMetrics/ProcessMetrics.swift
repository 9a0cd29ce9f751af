public import Actors
public import CoreMetrics

/// Feeds a metrics back end with the numbers of one scheduler group, as long as that lives: what
/// `SchedulerGroup.reportMetrics(every:sampling:longestMailboxes:to:)` returns.
public struct ProcessMetrics: Sendable {
    private let measuring: Measuring

    /// Reports once more, and ends then. Returns when that is done.
    public func stop() async {
        measuring.end()
        await measuring.wait()
    }

    fileprivate init(_ measuring: Measuring) { self.measuring = measuring }
}

extension SchedulerGroup {
    /// Feeds swift-metrics with the numbers of the group's processes and schedulers, as long as it lives.
    ///
    ///     SchedulerGroup.shared.reportMetrics()
    ///
    /// Names begin with `hansom_`; the guide has the table. Gauges and totals are read every so often, a few hundred
    /// processes at a time between other work, and none waits for a scheduler that something holds. Crashes, restarts and
    /// long jobs are counted as they are reported. How long messages wait, and how long bodies handle them, is measured of
    /// one message in so many, 1,024 of a scheduler in an interval at most; nothing is done for the others. So the number
    /// of these figures means nothing, and their distribution does.
    ///
    /// It is done by a task on Swift's pool and not by a process, which would live on a scheduler that something may hold;
    /// the back end is called from there and from nowhere else. When the group ends, or `stop` is called, it reports once
    /// more.
    ///
    /// - Parameters:
    ///   - interval: how often, by the group's time; default 10 s.
    ///   - sample: of how many messages one is measured; `nil`: none. Default 1,000. Of messages that are taken within
    ///     microseconds of each other, fewer than one in 128 cannot be measured.
    ///   - longestMailboxes: how many processes are named whose mailboxes are the longest, and have 100 messages at least;
    ///     default 5.
    ///   - factory: the back end; default: the one that the program has bootstrapped.
    /// - Returns: by what it is stopped; `nil` if the group is reported already, so that nothing is counted twice, or has
    ///   ended. Then this does nothing.
    @discardableResult
    public func reportMetrics(
        every interval: Duration = .seconds(10), sampling sample: Int? = 1_000, longestMailboxes: Int = 5,
        to factory: any MetricsFactory = MetricsSystem.factory
    ) -> ProcessMetrics? {
        guard let measuring = measuring.begin() else { return nil }
        let tally = EventTally()
        let observation = observeReports { tally.add($0) }
        // It holds the schedulers and not the group, which may be dropped.
        let reporter = Reporter(
            schedulers: schedulers, measuring: measuring, interval: interval, longestMailboxes: longestMailboxes)
        reporter.sample(oneIn: sample)
        Task.detached {
            await reporter.run(ProcessReport(factory), tally)
            observation.cancel()
            reporter.sample(oneIn: nil)
            measuring.hasEnded()
        }
        return ProcessMetrics(measuring)
    }
}

/// Who reports in intervals.
private struct Reporter: Sendable {
    let schedulers: [Scheduler]
    let measuring: Measuring
    let interval: Duration
    let longestMailboxes: Int

    func run(_ first: ProcessReport, _ tally: EventTally) async {
        var report = first
        while true {
            let goesOn = measuring.goesOn
            report.report(await GroupSurvey.take(of: schedulers, longest: longestMailboxes), tally.current)
            guard goesOn else { return }
            await measuring.pause(interval, of: schedulers[0])
        }
    }

    func sample(oneIn interval: Int?) {
        for scheduler in schedulers { scheduler.run { scheduler.measureMessages(oneIn: interval) } }
    }
}
