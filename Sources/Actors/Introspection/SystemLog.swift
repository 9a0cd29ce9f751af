internal import Logging

/// Writes what the runtime reports to swift-log, with the label `hansom.actors`.
///
/// It is called on the scheduler where something happened, and what it hands to swift-log is written there. So that a
/// storm of crashes does not hold the schedulers up, 100 reports a second are written; the rest is counted, and their
/// number logged.
public enum SystemLog {
    /// How many reports are written in a second.
    package static let mostReports = 100
    private static let log = RateLimitedLog(Logger(label: "hansom.actors"), limit: mostReports, what: "reports")

    /// A crash and a give-up are errors, the rest warnings, but for restarts, which are notices. Nothing is logged of
    /// messages.
    @Sendable public static func report(_ event: SystemEvent) { report(event, to: log) }

    package static func report(_ event: SystemEvent, to log: RateLimitedLog) {
        switch event {
        case .crash(let crash):
            log.write(.error, "process crashed", metadata: metadata(of: crash))
        case .restart(let restart):
            log.write(
                .notice, "child is started again",
                metadata: [
                    "supervisor": "\(restart.supervisor)", "child": "\(restart.child)", "reason": "\(restart.reason)",
                    "restarts": "\(restart.restarts) of \(restart.allowed)", "delay": "\(restart.delay)",
                ])
        case .giveUp(let giveUp):
            log.write(
                .error, "supervisor gives up",
                metadata: [
                    "supervisor": "\(giveUp.supervisor)", "child": "\(giveUp.child)", "reason": "\(giveUp.reason)",
                    "allowed": "\(giveUp.allowed) restarts in \(giveUp.period)",
                ])
        case .longJob(let job):
            log.write(
                .warning, "a job held its scheduler",
                metadata: [
                    "scheduler": "\(job.scheduler)", "process": "\(job.process?.description ?? "unknown")",
                    "duration": "\(job.duration)",
                ])
        case .longMailbox(let mailbox):
            log.write(
                .warning, "a mailbox has grown long",
                metadata: ["process": "\(mailbox.process)", "length": "\(mailbox.length)"])
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

    private static func metadata(of crash: CrashReport) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            "process": "\(crash.process)", "reason": "\(crash.reason)", "age": "\(crash.age)",
            "mailbox": "\(crash.mailboxLength)",
        ]
        if let parent = crash.parent { metadata["parent"] = "\(parent)" }
        if !crash.links.isEmpty { metadata["links"] = "\(crash.links)" }
        return metadata
    }
}
