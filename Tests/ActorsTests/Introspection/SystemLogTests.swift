import HansomTesting
import Logging
import Testing

@testable import Actors

/// What is written when more happens than anybody could read.
@Suite(.timeLimit(.minutes(2))) struct SystemLogTests {
    @Test func `a storm of reports is written up to a bound, and the rest is counted (P21)`() {
        let (lines, time) = (Probe<String>(), ManualTime())
        let logger = Logger(label: "test") { _ in CapturingLogHandler(lines) }
        let log = RateLimitedLog(logger, limit: SystemLog.mostReports, what: "reports", time: time)
        let report = SystemEvent.longJob(
            LongJobReport(scheduler: 0, process: nil, parent: nil, duration: .seconds(1), isOver: true))
        for _ in 0..<1_000 { SystemLog.report(report, to: log) }
        #expect(lines.count == SystemLog.mostReports + 1)
        #expect(lines.values.last == "warning more than 100 reports in a second; the rest is left out and counted")
        time.advance(by: .seconds(1))
        SystemLog.report(report, to: log)
        #expect(
            lines.values.suffix(2) == ["warning 900 reports were left out", "warning a job held its scheduler"])
        SystemLog.report(report, to: log)
        #expect(lines.count == SystemLog.mostReports + 4)
    }

    @Test func `a line below the logger's level takes no room (P21)`() {
        let (lines, time) = (Probe<String>(), ManualTime())
        var logger = Logger(label: "test") { _ in CapturingLogHandler(lines) }
        logger.logLevel = .warning
        let log = RateLimitedLog(logger, limit: 1, what: "reports", time: time)
        for _ in 0..<10 { log.write(.info, "quiet", metadata: [:]) }
        log.write(.error, "loud", metadata: [:])
        #expect(lines.values == ["error loud"])
    }

    @Test(arguments: [1, 2, 5])
    func `a window admits so many, whenever they come (P21)`(limit: Int) {
        var window = RateWindow(limit: limit, period: .seconds(1))
        for round in 0..<3 {
            let start = UInt64(round) * 1_000_000_000
            for line in 0..<limit {
                let leftOut = line == 0 && round > 0 ? 3 : 0
                #expect(window.judge(at: start + UInt64(line)) == .admit(leftOut: leftOut))
            }
            for line in 0..<3 {
                #expect(window.judge(at: start + 999_999_999) == .leaveOut(isFirst: line == 0))
            }
        }
    }

    @Test func `a window begins anew when a clock goes back (P21)`() {
        var window = RateWindow(limit: 1)
        #expect(window.judge(at: 5_000_000_000) == .admit(leftOut: 0))
        #expect(window.judge(at: 1) == .admit(leftOut: 0))
        #expect(window.judge(at: 2) == .leaveOut(isFirst: true))
    }
}
