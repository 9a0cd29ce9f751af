import Actors
import Synchronization

/// Does what it is told at the end of a turn.
final class FlushDouble: EndOfTurnFlush {
    var action: () -> Void
    init(_ action: @escaping () -> Void = {}) { self.action = action }
    func flushAtEndOfTurn() { action() }
}

/// Does what it is told when its descriptor is ready.
final class ObserverDouble: DescriptorObserver {
    var action: (Readiness) -> Void
    private(set) var heard: [Readiness] = []

    init(_ action: @escaping (Readiness) -> Void = { _ in }) { self.action = action }

    func descriptorIsReady(_ readiness: Readiness) {
        heard.append(readiness)
        action(readiness)
    }
}

/// Time that is said to flow, and stands.
final class FrozenTime: TimeSource {
    let nanoseconds: UInt64 = 1_000_000
    let flows = true
    func onMove(_ wake: @escaping @Sendable () -> Void) {}
}

/// A number that threads count up and down.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .sequentiallyConsistent) }

    /// Adds and returns the new value.
    @discardableResult
    func add(_ amount: Int = 1) -> Int { count.wrappingAdd(amount, ordering: .sequentiallyConsistent).newValue }
}
