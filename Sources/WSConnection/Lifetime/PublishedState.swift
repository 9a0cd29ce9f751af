internal import Synchronization

/// What any thread may read of how a connection stands: written by the connection only, and in this order.
final class PublishedState: @unchecked Sendable {
    // Safety: `end` is written once, before `hasEnd` is stored with release ordering; who reads it has loaded that.
    private let state = Atomic<UInt8>(WebSocket.State.open.rawValue)
    private let hasEnd = Atomic<Bool>(false)
    private var end: WebSocket.Close?

    var current: WebSocket.State { WebSocket.State(rawValue: state.load(ordering: .acquiring)) ?? .closed }

    var close: WebSocket.Close? { hasEnd.load(ordering: .acquiring) ? end : nil }

    func publish(_ new: WebSocket.State) { state.store(new.rawValue, ordering: .releasing) }

    func publish(_ close: WebSocket.Close) {
        guard !hasEnd.load(ordering: .relaxed) else { return }
        end = close
        hasEnd.store(true, ordering: .releasing)
    }
}
