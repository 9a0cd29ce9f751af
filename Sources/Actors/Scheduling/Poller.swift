internal import CHansomSystem
internal import Glibc

/// Tells a scheduler which descriptors are ready. The seam to the kernel: epoll on Linux, a mock in tests.
///
/// Everything but `wake` is called by the scheduler's thread only.
package protocol Poller: AnyObject {
    /// Watches `descriptor`, telling readiness with `token`. Level-triggered.
    func add(_ descriptor: Int32, interest: Readiness, token: UInt64) throws(SystemError)

    /// Changes what is watched of `descriptor`.
    func modify(_ descriptor: Int32, interest: Readiness, token: UInt64) throws(SystemError)

    /// Forgets `descriptor`.
    func remove(_ descriptor: Int32)

    /// Waits for readiness, at most `timeout` nanoseconds (`nil`: for ever; 0: not at all), and returns how many
    /// events `event(_:)` then gives. A wake-up ends the wait; it may be one of them, ready for nothing, with a token
    /// of no watch.
    func wait(timeout: UInt64?) -> Int

    /// The event at `index` of those that the last `wait` found.
    func event(_ index: Int) -> (token: UInt64, readiness: Readiness)

    /// Ends a wait that goes on, or the next one. Callable from any thread.
    func wake()
}

/// What a descriptor is ready for, or what of it is watched.
///
/// What a set can do is said here once more, in terms of bits: what other modules call of it would go by way of the
/// protocol, unspecialised, at each event.
@usableFromInline
package struct Readiness: OptionSet, Sendable, Hashable {
    @usableFromInline package let rawValue: UInt8

    @inlinable
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    @inlinable package var isEmpty: Bool { rawValue == 0 }

    @inlinable
    package func contains(_ other: Readiness) -> Bool { rawValue & other.rawValue == other.rawValue }

    @inlinable
    package func union(_ other: Readiness) -> Readiness { Readiness(rawValue: rawValue | other.rawValue) }

    @inlinable
    package static func == (a: Readiness, b: Readiness) -> Bool { a.rawValue == b.rawValue }

    @inlinable package static var read: Readiness { Readiness(rawValue: 1) }
    @inlinable package static var write: Readiness { Readiness(rawValue: 2) }
    /// Of several schedulers that watch the descriptor one is told, or a few, but not all: to be watched with `read`,
    /// and not changed later.
    @inlinable package static var exclusive: Readiness { Readiness(rawValue: 8) }
    /// Both directions are down, or an error waits: told whatever is watched.
    @inlinable package static var hangUp: Readiness { Readiness(rawValue: 4) }
}

/// Told when a watched descriptor is ready.
package protocol DescriptorObserver: AnyObject {
    func descriptorIsReady(_ readiness: Readiness)
}

/// The poller of Linux: one epoll instance, and one eventfd that other threads write to.
@safe final class EpollPoller: Poller {
    private let epoll: Int32
    private let waker: Int32
    // Safety: allocated in `init` with `capacity` elements, freed in `deinit`; only the scheduler's thread touches it.
    private let events: UnsafeMutablePointer<epoll_event>
    private let capacity: Int32 = 256
    private static let wakeToken = UInt64.max

    init() throws(SystemError) {
        epoll = hansom_epoll_create()
        guard epoll >= 0 else { throw SystemError(call: "epoll_create1", errno: errno) }
        waker = hansom_eventfd()
        guard waker >= 0 else {
            let error = SystemError(call: "eventfd", errno: errno)
            Glibc.close(epoll)
            throw error
        }
        unsafe events = .allocate(capacity: Int(capacity))
        try add(waker, interest: .read, token: EpollPoller.wakeToken)
    }

    deinit {
        Glibc.close(waker)
        Glibc.close(epoll)
        unsafe events.deallocate()
    }

    func add(_ descriptor: Int32, interest: Readiness, token: UInt64) throws(SystemError) {
        try control(EPOLL_CTL_ADD, descriptor, interest, token)
    }

    func modify(_ descriptor: Int32, interest: Readiness, token: UInt64) throws(SystemError) {
        try control(EPOLL_CTL_MOD, descriptor, interest, token)
    }

    func remove(_ descriptor: Int32) {
        _ = hansom_epoll_control(epoll, EPOLL_CTL_DEL, descriptor, 0, 0)
    }

    func wait(timeout: UInt64?) -> Int {
        let found = idle(EpollPoller.milliseconds(timeout))
        // EINTR is the only error that can happen here, and means that nothing was found.
        return Int(max(found, 0))
    }

    func event(_ index: Int) -> (token: UInt64, readiness: Readiness) {
        let token = unsafe hansom_epoll_token(events, Int32(index))
        if token == EpollPoller.wakeToken {
            var count: UInt64 = 0
            _ = unsafe Glibc.read(waker, &count, 8)
            return (token, [])
        }
        return (token, EpollPoller.readiness(unsafe hansom_epoll_events(events, Int32(index))))
    }

    func wake() {
        var one: UInt64 = 1
        // A full counter means that a wake-up is pending already.
        _ = unsafe Glibc.write(waker, &one, 8)
    }

    /// The wait itself, kept apart so that a profile can leave it out.
    @inline(never)
    private func idle(_ milliseconds: Int32) -> Int32 {
        unsafe epoll_wait(epoll, events, capacity, milliseconds)
    }

    private func control(
        _ operation: Int32, _ descriptor: Int32, _ interest: Readiness, _ token: UInt64
    ) throws(SystemError) {
        var events: UInt32 = 0
        if interest.contains(.exclusive) {
            // epoll_ctl(2) allows few others beside it, and no EPOLL_CTL_MOD.
            events |= EPOLLIN.rawValue | EPOLLEXCLUSIVE.rawValue
        } else if interest.contains(.read) {
            events |= EPOLLIN.rawValue | EPOLLRDHUP.rawValue
        }
        if interest.contains(.write) { events |= EPOLLOUT.rawValue }
        guard hansom_epoll_control(epoll, operation, descriptor, events, token) == 0 else {
            throw SystemError(call: "epoll_ctl", errno: errno)
        }
    }

    /// Rounded up, so that a timer never finds itself early and the loop never spins on the remainder.
    private static func milliseconds(_ timeout: UInt64?) -> Int32 {
        guard let timeout else { return -1 }
        return Int32(clamping: timeout / 1_000_000 + (timeout % 1_000_000 == 0 ? 0 : 1))
    }

    private static func readiness(_ events: UInt32) -> Readiness {
        var readiness: UInt8 = 0
        if events & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue) != 0 { readiness |= Readiness.read.rawValue }
        if events & EPOLLOUT.rawValue != 0 { readiness |= Readiness.write.rawValue }
        if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 { readiness |= Readiness.hangUp.rawValue }
        return Readiness(rawValue: readiness)
    }
}

/// A descriptor that a scheduler watches.
package struct Watch: Sendable, Hashable {
    package let descriptor: Int32
    /// The slot in the table, and above it the slot's generation: an event for a descriptor that was closed earlier
    /// in the same batch finds another generation and is dropped.
    let token: UInt64

    var slot: Int { Int(token & 0xFFFF_FFFF) }
    var generation: UInt32 { UInt32(token >> 32) }
}

/// Who watches what on one scheduler.
struct WatchTable {
    private struct Slot {
        // Safety: an observer unwatches before it goes, so what stands here is alive.
        unowned(unsafe) var observer: (any DescriptorObserver)?
        var generation: UInt32 = 0
    }

    private var slots: [Slot] = []
    private var free: [Int] = []

    var count: Int { slots.count - free.count }

    mutating func add(_ descriptor: Int32, _ observer: any DescriptorObserver) -> Watch {
        let index: Int
        if let recycled = free.popLast() {
            index = recycled
        } else {
            index = slots.count
            slots.append(Slot(observer: nil))
        }
        unsafe slots[index].observer = observer
        return Watch(descriptor: descriptor, token: UInt64(slots[index].generation) << 32 | UInt64(index))
    }

    /// Whether it was still there.
    @discardableResult
    mutating func remove(_ watch: Watch) -> Bool {
        guard slots[watch.slot].generation == watch.generation else { return false }
        unsafe slots[watch.slot].observer = nil
        // The last generation is never used: its tokens could be taken for the poller's own.
        slots[watch.slot].generation = watch.generation >= UInt32.max - 1 ? 0 : watch.generation + 1
        free.append(watch.slot)
        return true
    }

    /// Who hears of an event with `token`; nil when the watch is gone or the token is the poller's own.
    func observer(of token: UInt64) -> (any DescriptorObserver)? {
        let index = Int(token & 0xFFFF_FFFF)
        guard index < slots.count, slots[index].generation == UInt32(token >> 32) else { return nil }
        return unsafe slots[index].observer
    }
}

/// A system call that failed.
public struct SystemError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The name of the call, as in section 2 of the manual.
    public let call: String
    /// The value of `errno`.
    public let errno: Int32

    /// Says that a system call has failed.
    ///
    /// - Parameters:
    ///   - call: the name of the call, as in section 2 of the manual.
    ///   - errno: the value of `errno` right after the call.
    public init(call: String, errno: Int32) {
        self.call = call
        self.errno = errno
    }

    public var description: String { "\(call): \(SystemError.text(of: errno)) (errno \(errno))" }

    /// The system's words for an `errno` value.
    package static func text(of errno: Int32) -> String {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let base = buffer.baseAddress, unsafe strerror_r(errno, base, buffer.count) == 0 else {
                return "error \(errno)"
            }
            return unsafe String(cString: base)
        }
    }
}
