/// What the runtime watches for, and whom it tells.
public struct SystemSettings: Sendable {
    /// From how many waiting messages on a mailbox is reported as long, once each time it grows past that; default
    /// 10,000. It is looked at when the mailbox doubles its storage, so it may be reported from half of that on.
    public var mailboxWarning: Int
    /// How long a job may hold its scheduler before it is reported; default 100 ms. It is measured in steps of about
    /// 4 ms. (OTP: `long_schedule`.)
    public var longJob: Duration
    /// Takes what is reported, on the thread where it happens: it must not block for long. Default: `SystemLog`, which
    /// hands it to swift-log.
    public var report: @Sendable (SystemEvent) -> Void

    public init(
        mailboxWarning: Int = 10_000, longJob: Duration = .milliseconds(100),
        report: @escaping @Sendable (SystemEvent) -> Void = SystemLog.report
    ) {
        self.mailboxWarning = mailboxWarning
        self.longJob = longJob
        self.report = report
    }
}
