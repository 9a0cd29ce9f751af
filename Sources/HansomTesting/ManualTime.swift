public import Actors

/// Time that stands still until a test moves it.
///
///     let time = ManualTime()
///     let group = try SchedulerGroup(options: .init(count: 1, time: time))
///     ...
///     time.advance(by: .seconds(10))   // every alarm due by then rings
public final class ManualTime: TimeSource, @unchecked Sendable {
    // Safety: both vars are touched with `lock` held.
    private let lock = Lock()
    private var current: UInt64
    private var listeners: [@Sendable () -> Void] = []

    /// - Parameter start: where it stands at first, in nanoseconds.
    public init(start: UInt64 = 1_000_000_000) { current = start }

    public var nanoseconds: UInt64 { lock.withLock { current } }

    public var flows: Bool { false }

    public func onMove(_ wake: @escaping @Sendable () -> Void) { lock.withLock { listeners.append(wake) } }

    /// Moves time on and wakes every scheduler that reads it.
    public func advance(by duration: Duration) {
        let toWake = lock.withLock {
            current += duration.clampedNanoseconds
            return listeners
        }
        for wake in toWake { wake() }
    }
}
