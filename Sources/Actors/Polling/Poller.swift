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
    /// events `event(_:)` then gives. A wake-up ends the wait and is not an event.
    func wait(timeout: UInt64?) -> Int

    /// The event at `index` of those that the last `wait` found.
    func event(_ index: Int) -> (token: UInt64, readiness: Readiness)

    /// Ends a wait that goes on, or the next one. Callable from any thread.
    func wake()
}

/// What a descriptor is ready for, or what of it is watched.
package struct Readiness: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let read = Readiness(rawValue: 1)
    package static let write = Readiness(rawValue: 2)
    /// Of several schedulers that watch the descriptor one is told, or a few, but not all: to be watched with `read`, and
    /// not changed later.
    package static let exclusive = Readiness(rawValue: 8)
    /// Both directions are down, or an error waits: told whatever is watched.
    package static let hangUp = Readiness(rawValue: 4)
}

/// Told when a watched descriptor is ready.
package protocol DescriptorObserver: AnyObject {
    func descriptorIsReady(_ readiness: Readiness)
}
