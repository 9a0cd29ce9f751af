package import Logging

/// A logger that writes a bounded number of lines a second, and says how many it left out.
///
/// It is written to on the threads of schedulers, so it must not let a flood there wait for its lines.
package final class RateLimitedLog: @unchecked Sendable {
    // Safety: `window` is touched with `lock` held; the rest does not change. Lines are written outside the lock.
    private let lock = Lock()
    private var window: RateWindow
    private let logger: Logger
    private let time: any TimeSource
    private let what: String

    /// - Parameters:
    ///   - limit: how many lines a second.
    ///   - what: what a line is, in the plural: "reports".
    package init(_ logger: Logger, limit: Int, what: String, time: any TimeSource = SystemTime.shared) {
        self.logger = logger
        self.time = time
        self.what = what
        window = RateWindow(limit: limit)
    }

    /// Whether a line of this level would be written at all.
    package func isEnabled(_ level: Logger.Level) -> Bool { level >= logger.logLevel }

    /// Writes a line, unless there were too many in this second.
    package func write(
        _ level: Logger.Level, _ message: @autoclosure () -> Logger.Message,
        metadata: @autoclosure () -> Logger.Metadata
    ) {
        guard isEnabled(level) else { return }
        switch lock.withLock({ window.judge(at: time.coarseNanoseconds) }) {
        case .admit(let leftOut):
            if leftOut > 0 { logger.warning("\(leftOut) \(what) were left out", metadata: ["leftOut": "\(leftOut)"]) }
            logger.log(level: level, message(), metadata: metadata())
        case .leaveOut(isFirst: true):
            logger.warning("more than \(window.limit) \(what) in a second; the rest is left out and counted")
        case .leaveOut:
            break
        }
    }
}
