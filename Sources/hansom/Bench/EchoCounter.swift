internal import Synchronization

/// How many messages have come back so far, on all connections.
final class EchoCounter: Sendable {
    private let total = Atomic<Int>(0)

    var count: Int { total.load(ordering: .relaxed) }

    func add() { total.wrappingAdd(1, ordering: .relaxed) }
}
