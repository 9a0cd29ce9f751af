internal import CHansomSystem
internal import Glibc

/// Where schedulers read the time, so that tests can move it by hand.
public protocol TimeSource: AnyObject, Sendable {
    /// Nanoseconds since some fixed moment; never goes back.
    var nanoseconds: UInt64 { get }

    /// The same at less cost, maybe a few milliseconds old. Default: `nanoseconds`.
    var coarseNanoseconds: UInt64 { get }

    /// Whether time passes while a scheduler sleeps. If not, it sleeps until `wake` is called.
    var flows: Bool { get }

    /// Takes a closure to call, from any thread, whenever time has been moved by hand.
    func onMove(_ wake: @escaping @Sendable () -> Void)
}

extension TimeSource {
    public var coarseNanoseconds: UInt64 { nanoseconds }
}

/// The kernel's monotonic clock.
public final class SystemTime: TimeSource {
    public static let shared = SystemTime()

    public var nanoseconds: UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    public var coarseNanoseconds: UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    public var flows: Bool { true }

    public func onMove(_ wake: @escaping @Sendable () -> Void) {}
}
