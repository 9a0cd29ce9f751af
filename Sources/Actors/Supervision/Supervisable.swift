/// What a supervisor can watch: something that is a process, or stands for one.
///
/// A bare actor is none: it never ends, and nobody hears of its faults.
public protocol Supervisable: Sendable {
    /// Which process.
    var pid: PID { get }
}

extension PID: Supervisable {
    public var pid: PID { self }
}

extension Address: Supervisable {}
