/// What a monitor tells, once: a process has ended.
public struct Down: Sendable {
    /// Which monitor tells it.
    public let monitor: MonitorReference
    /// Which process ended.
    public let pid: PID
    /// Why. `.noProcess` when it had ended before the monitor came.
    public let reason: ExitReason
}

/// One monitor of one process on another.
public struct MonitorReference: Sendable, Hashable {
    let id: UInt64
    let target: PID
}
