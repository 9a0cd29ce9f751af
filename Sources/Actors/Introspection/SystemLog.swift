package import Logging

/// Writes what the runtime reports to swift-log, with the label `hansom.actors`.
///
/// It is called on the scheduler where something happened, and what it hands to swift-log is written there. So that a
/// storm of crashes does not hold the schedulers up, 100 reports a second are written; the rest is counted, and their
/// number logged.
public enum SystemLog {
    /// How many reports are written in a second.
    package static let mostReports = 100
    /// Bytes of what an error says of itself.
    static let longestReason = 2_048
    private static let log = RateLimitedLog(Logger(label: "hansom.actors"), limit: mostReports, what: "reports")

    /// A crash and a give-up are errors, the rest warnings, but for restarts, which are notices. Of a server that
    /// crashes it logs the message that it was handling and its state, as the server describes them.
    @Sendable public static func report(_ event: SystemEvent) { report(event, to: log) }

    package static func report(_ event: SystemEvent, to log: RateLimitedLog) {
        switch event {
        case .crash(let crash):
            log.write(.error, "process crashed", metadata: metadata(of: crash))
        case .restart(let restart):
            log.write(
                .notice, "child is started again",
                metadata: [
                    "supervisor": "\(restart.supervisor)", "child": "\(restart.child)",
                    "reason": "\(text(of: restart.reason))",
                    "restarts": "\(restart.restarts) of \(restart.allowed)", "delay": "\(restart.delay)",
                ])
        case .giveUp(let giveUp):
            log.write(
                .error, "supervisor gives up",
                metadata: [
                    "supervisor": "\(giveUp.supervisor)", "child": "\(giveUp.child)",
                    "reason": "\(text(of: giveUp.reason))",
                    "allowed": "\(giveUp.allowed) restarts in \(giveUp.period)",
                ])
        case .longJob(let job):
            log.write(
                .warning, job.isOver ? "a job held its scheduler" : "a job holds its scheduler",
                metadata: metadata(of: job))
        case .longMailbox(let mailbox):
            log.write(
                .warning, "a mailbox has grown long",
                metadata: ["process": "\(mailbox.process)", "length": "\(mailbox.length)"])
        case .secondReceiver(let second):
            log.write(
                .error,
                second.isFromOutside
                    ? "a task that is no part of a process wanted to receive its messages, and got none: send them on"
                    : "a second task wanted to receive from a mailbox, and got nothing: let one task receive",
                metadata: ["process": "\(second.process)"])
        case .exhaustion(let exhaustion):
            guard let error = exhaustion.error else {
                return log.write(
                    .notice, "the system has room again", metadata: ["process": "\(exhaustion.process)"])
            }
            log.write(
                .error, "the system has no descriptors or memory left",
                metadata: [
                    "process": "\(exhaustion.process)", "error": "\(error)", "retry": "\(exhaustion.pause)",
                ])
        }
    }

    /// Tells whoever runs the program of something that works and should be put right all the same.
    package static func advise(_ message: String) { log.write(.warning, "\(message)", metadata: [:]) }

    private static func metadata(of job: LongJobReport) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            "scheduler": "\(job.scheduler)", "process": "\(job.process?.description ?? "unknown")",
            "duration": "\(job.duration)",
        ]
        if let parent = job.parent { metadata["parent"] = "\(parent)" }
        return metadata
    }

    private static func metadata(of crash: CrashReport) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            "process": "\(crash.process)", "reason": "\(text(of: crash.reason))", "age": "\(crash.age)",
            "mailbox": "\(crash.mailboxLength)",
        ]
        if let parent = crash.parent { metadata["parent"] = "\(parent)" }
        if !crash.links.isEmpty { metadata["links"] = "\(crash.links)" }
        if !crash.ancestors.isEmpty { metadata["ancestors"] = "\(crash.ancestors)" }
        if let handling = crash.handling { metadata["handling"] = "\(fit(handling))" }
        if let state = crash.state { metadata["state"] = "\(fit(state))" }
        if !crash.trace.isEmpty {
            metadata["trace"] = .string(crash.trace.map { "\($0.kind) \(fit($0.message))" }.joined(separator: ", "))
        }
        return metadata
    }

    /// A text that others may have a hand in: an error, a message, a state. It has its bound already, if it has one.
    private static func fit(_ text: String) -> String { LogText.escaped(text, .json) }

    private static func text(of reason: ExitReason) -> String { fit("\(reason)".bounded(to: longestReason)) }
}

/// What others have written, fit to stand between quotation marks on one line of a log or a terminal.
///
/// Only visible ASCII and spaces are left as they are. All else is escaped: control characters of both sets move
/// cursors and end lines, so do U+0085, U+2028 and U+2029, bidirectional overrides and tags show what is not there or
/// hide what is, and nobody knows what the next version of Unicode adds. No log of ours escapes in any other place.
package enum LogText {
    /// How it is escaped.
    package enum Notation: Sendable {
        /// `\xHH` for each byte, as web servers write.
        case bytes
        /// `\uHHHH` for each unit of UTF-16 (RFC 8259 section 7): whoever reads the JSON has the text as it was.
        case json
    }

    /// Bytes of one field of a log: whoever writes into it shall not fill a disk.
    package static let longestField = 1024

    /// - Parameter limit: how many bytes are kept; dots stand for the rest.
    package static func escaped(_ text: String, _ notation: Notation, atMost limit: Int = .max) -> String {
        if notation == .bytes { return escaped(text.utf8, atMost: limit) }
        var line = ""
        var count = 0
        for scalar in text.unicodeScalars {
            count += UTF8.width(scalar)
            guard count <= limit else { return line + "..." }
            append(scalar, to: &line) { String(scalar).utf16.map { "\\u" + digits(UInt32($0), 4) }.joined() }
        }
        return line
    }

    /// Bytes that should be a text and may be none, in the notation `.bytes`.
    ///
    /// - Parameter limit: how many bytes are kept; dots stand for the rest.
    package static func escaped(_ bytes: some Collection<UInt8>, atMost limit: Int = 256) -> String {
        var line = ""
        for byte in bytes.prefix(limit) {
            append(Unicode.Scalar(byte), to: &line) { "\\x" + digits(UInt32(byte), 2).uppercased() }
        }
        return bytes.count > limit ? line + "..." : line
    }

    private static func append(_ scalar: Unicode.Scalar, to line: inout String, _ escape: () -> String) {
        switch scalar {
        case "\"", "\\":
            line += "\\"
            line.unicodeScalars.append(scalar)
        case " "..."~": line.unicodeScalars.append(scalar)
        default: line += escape()
        }
    }

    private static func digits(_ value: UInt32, _ count: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, count - digits.utf8.count)) + digits
    }
}

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

/// How many lines a second may be logged, however many things happen: a pure count, told the time.
///
/// A flood of crashes or of refused peers then costs a bounded number of lines, and says how many it left out.
package struct RateWindow: Sendable {
    /// What becomes of one line.
    package enum Verdict: Sendable, Hashable {
        /// It is written. So many were left out before it, since the last that was.
        case admit(leftOut: Int)
        /// It is left out: the first in its window, which is worth saying, or one more.
        case leaveOut(isFirst: Bool)
    }

    /// How many lines a period has room for.
    package let limit: Int
    /// In nanoseconds.
    package let period: UInt64
    private var start: UInt64 = 0
    private var admitted = 0
    private var leftOut = 0

    /// - Parameters:
    ///   - limit: at least 1.
    ///   - period: how long a window is; it begins with the first line in it.
    package init(limit: Int, period: Duration = .seconds(1)) {
        self.limit = max(limit, 1)
        self.period = period.clampedNanoseconds
    }

    /// Judges a line that is to be written at `now`, in nanoseconds of a clock that does not go back.
    package mutating func judge(at now: UInt64) -> Verdict {
        if admitted == 0 || now < start || now - start >= period {
            start = now
            admitted = 1
            defer { leftOut = 0 }
            return .admit(leftOut: leftOut)
        }
        if admitted < limit {
            admitted += 1
            return .admit(leftOut: 0)
        }
        leftOut += 1
        return .leaveOut(isFirst: leftOut == 1)
    }
}
