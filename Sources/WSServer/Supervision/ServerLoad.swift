internal import Actors
internal import Synchronization

/// How much a server has in hand: what the acceptor asks before it takes another connection.
final class ServerLoad: @unchecked Sendable {
    // Safety: `wakeAcceptor` is touched with `lock` held; the rest is made for any thread.
    private let handshakes = Atomic<Int>(0)
    private let connections = Atomic<Int>(0)
    private let kept = Atomic<Int>(0)
    private let isAcceptorAsleep = Atomic<Bool>(false)
    let maxConnections: Int
    let maxHandshakes: Int
    private let lock = Lock()
    private var wakeAcceptor: (@Sendable () -> Void)?

    init(maxConnections: Int, maxHandshakes: Int) {
        self.maxConnections = maxConnections
        self.maxHandshakes = maxHandshakes
    }

    /// Takes what to call, from any thread, when there is room again and the acceptor had found none.
    func onRoom(_ wake: (@Sendable () -> Void)?) { lock.withLock { wakeAcceptor = wake } }

    var connectionCount: Int { connections.load(ordering: .relaxed) }

    /// Whether another connection may be taken; if not, the acceptor is woken when one may.
    func hasRoom() -> Bool {
        if isBelowLimits { return true }
        isAcceptorAsleep.store(true, ordering: .sequentiallyConsistent)
        // Room may have come in between, unseen by whoever made it.
        return isBelowLimits
    }

    func handshakeBegan() { handshakes.wrappingAdd(1, ordering: .relaxed) }

    func handshakeEnded() {
        handshakes.wrappingSubtract(1, ordering: .sequentiallyConsistent)
        wakeIfAsleep()
    }

    /// A peer was answered and may ask again: from now on it is no handshake any more, or a few idle ones would keep
    /// others out.
    func handshakeIsKept() {
        kept.wrappingAdd(1, ordering: .relaxed)
        handshakeEnded()
    }

    func keptEnded() {
        kept.wrappingSubtract(1, ordering: .sequentiallyConsistent)
        wakeIfAsleep()
    }

    func connectionBegan() { connections.wrappingAdd(1, ordering: .relaxed) }

    func connectionEnded() {
        connections.wrappingSubtract(1, ordering: .sequentiallyConsistent)
        wakeIfAsleep()
    }

    /// Whether another connection would be taken now.
    var isReady: Bool { isBelowLimits }

    /// A handshake may become a connection, so it takes a place among them too.
    private var isBelowLimits: Bool {
        let handshakes = handshakes.load(ordering: .sequentiallyConsistent)
        let connections = connections.load(ordering: .sequentiallyConsistent)
        let kept = kept.load(ordering: .sequentiallyConsistent)
        return handshakes < maxHandshakes && handshakes + kept + connections < maxConnections
    }

    private func wakeIfAsleep() {
        guard isAcceptorAsleep.exchange(false, ordering: .sequentiallyConsistent) else { return }
        lock.withLock { wakeAcceptor }?()
    }
}
