internal import CHansomSystem
internal import Glibc

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
        var readiness: Readiness = []
        if events & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue) != 0 { readiness.insert(.read) }
        if events & EPOLLOUT.rawValue != 0 { readiness.insert(.write) }
        if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 { readiness.insert(.hangUp) }
        return readiness
    }
}
