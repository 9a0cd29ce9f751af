internal import Logging

/// Writes what the runtime reports to swift-log, with the label `hansom.actors`.
public enum SystemLog {
    private static let logger = Logger(label: "hansom.actors")

    /// A crash and a give-up are errors, the rest warnings, but for restarts, which are notices. Nothing is logged of
    /// messages.
    @Sendable public static func report(_ event: SystemEvent) {
        switch event {
        case .crash(let crash):
            logger.error("process crashed", metadata: metadata(of: crash))
        case .restart(let restart):
            logger.notice(
                "child is started again",
                metadata: [
                    "supervisor": "\(restart.supervisor)", "child": "\(restart.child)", "reason": "\(restart.reason)",
                    "restarts": "\(restart.restarts) of \(restart.allowed)", "delay": "\(restart.delay)",
                ])
        case .giveUp(let giveUp):
            logger.error(
                "supervisor gives up",
                metadata: [
                    "supervisor": "\(giveUp.supervisor)", "child": "\(giveUp.child)", "reason": "\(giveUp.reason)",
                    "allowed": "\(giveUp.allowed) restarts in \(giveUp.period)",
                ])
        case .longJob(let job):
            logger.warning(
                "a job held its scheduler",
                metadata: [
                    "scheduler": "\(job.scheduler)", "process": "\(job.process?.description ?? "unknown")",
                    "duration": "\(job.duration)",
                ])
        case .longMailbox(let mailbox):
            logger.warning(
                "a mailbox has grown long",
                metadata: ["process": "\(mailbox.process)", "length": "\(mailbox.length)"])
        }
    }

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
