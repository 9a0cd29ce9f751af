internal import Synchronization

/// What any thread may read of how a connection stands: written by the connection only, and the end before the state
/// that it leads to.
struct PublishedState: ~Copyable, Sendable {
    private let state = Atomic<UInt8>(WebSocket.State.open.rawValue)
    private let end = AtomicLazyReference<End>()

    /// How it ended. Most connections have not, and hold none.
    private final class End: Sendable {
        let close: WebSocket.Close

        init(_ close: WebSocket.Close) { self.close = close }
    }

    var current: WebSocket.State { WebSocket.State(rawValue: state.load(ordering: .acquiring)) ?? .closed }

    var close: WebSocket.Close? { end.load()?.close }

    func publish(_ new: WebSocket.State) { state.store(new.rawValue, ordering: .releasing) }

    /// The first is kept.
    func publish(_ close: WebSocket.Close) { _ = end.storeIfNil(End(close)) }
}
