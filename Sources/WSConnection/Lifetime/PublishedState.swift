internal import Synchronization

/// What any thread may read of how a connection stands: written by the connection only, and the end before the state
/// that it leads to.
struct PublishedState: ~Copyable, Sendable {
    private let state = Atomic<UInt8>(WebSocket.State.open.rawValue)
    private let end = AtomicLazyReference<End>()

    /// How it ended. Most connections have not, and hold none.
    private final class End: Sendable {
        let outcome: WebSocket.Outcome

        init(_ outcome: WebSocket.Outcome) { self.outcome = outcome }
    }

    var current: WebSocket.State { WebSocket.State(rawValue: state.load(ordering: .acquiring)) ?? .closed }

    var outcome: WebSocket.Outcome? { end.load()?.outcome }

    func publish(_ new: WebSocket.State) { state.store(new.rawValue, ordering: .releasing) }

    /// The first is kept.
    func publish(_ outcome: WebSocket.Outcome) { _ = end.storeIfNil(End(outcome)) }
}
