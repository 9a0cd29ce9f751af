internal import Actors
internal import WSConnection

/// `Admission` and `Exhaustion` shared by the acceptors and connections of a server, whatever their threads.
final class ServerLoad: @unchecked Sendable {
    // Safety: all vars are touched with `lock` held; who is woken is called outside it.
    private let lock = Lock()
    private var admission: Admission<PeerAddress>
    private var exhaustion = Exhaustion()
    private var isSeekingRoom = false
    private var wakers: [Int: @Sendable () -> Void] = [:]
    /// Whether connections must remember whom they count for.
    let countsPeers: Bool
    /// Where is written what becomes of whom is let in.
    let reports: ServerReports
    /// What all connections together may hold of what has come in.
    let inbound: InboundBudget

    init(_ options: ServerOptions) {
        reports = ServerReports(options)
        inbound = InboundBudget(limit: options.totalBound) { [schedulers = options.schedulers.schedulers] _ in
            FreedMemory.giveBack(on: schedulers)
        }
        admission = Admission(
            maxConnections: options.maxConnections, maxHandshakes: options.maxHandshakes,
            maxPerPeer: options.maxConnectionsPerPeer)
        countsPeers = options.maxConnectionsPerPeer != nil
    }

    var connectionCount: Int { lock.withLock { admission.connections } }
    var handshakeCount: Int { lock.withLock { admission.handshakes } }
    var maxConnections: Int { lock.withLock { admission.maxConnections } }
    var turnedAway: UInt64 { lock.withLock { admission.turnedAway } }

    // MARK: Acceptors

    /// Takes what to call, from any thread, when there is room again and the acceptor had found none.
    func onRoom(for acceptor: Int, _ wake: (@Sendable () -> Void)?) { lock.withLock { wakers[acceptor] = wake } }

    /// Takes a place for whoever is accepted next; if there is none, the acceptor is woken when there is.
    func reserve(for acceptor: Int) -> Bool { lock.withLock { admission.reserve(for: acceptor) } }

    func admit(_ peer: PeerAddress?) -> Bool { !countsPeers || lock.withLock { admission.admit(peer) } }

    /// An acceptor is gone that may have been woken in vain.
    func wakeNext() { change { _ in } }

    /// The place that was reserved is not needed.
    func giveBack() { change { $0.handshakeEnded(nil) } }

    /// Whether another connection would be taken now.
    var isReady: Bool { lock.withLock { admission.room > 0 } }

    /// - Returns: whether that is news.
    func exhaustionMet(by acceptor: Int) -> Bool { lock.withLock { exhaustion.met(by: acceptor) } }

    /// - Returns: whether the trouble is over with that.
    func exhaustionPassed(for acceptor: Int) -> Bool { lock.withLock { exhaustion.passed(for: acceptor) } }

    // MARK: Room for newcomers

    /// Somebody waits and there is no room: whether the caller is to look for a handshake that can go. One does at a
    /// time.
    func beginSeekingRoom() -> Bool {
        let place = lock.withLock { () -> (handshakes: Int, connections: Int)? in
            guard !isSeekingRoom, !admission.isSuspended, admission.handshakes > 0, admission.room == 0 else {
                return nil
            }
            isSeekingRoom = true
            return (admission.handshakes, admission.connections + admission.kept)
        }
        guard let place else { return false }
        reports.isFull(handshakes: place.handshakes, connections: place.connections)
        return true
    }

    /// A handshake has gone, or none can go yet.
    func endSeekingRoom() { lock.withLock { isSeekingRoom = false } }

    // MARK: Connections

    /// A peer was answered and may ask again: from now on it is no handshake any more, or a few idle ones would keep
    /// others out.
    func handshakeIsKept() { change { $0.handshakeIsKept() } }

    /// It has come to no WebSocket.
    func httpEnded(_ peer: PeerAddress?, wasKept: Bool) {
        change { if wasKept { $0.keptEnded(peer) } else { $0.handshakeEnded(peer) } }
    }

    func connectionBegan(wasKept: Bool) { change { $0.connectionBegan(wasKept: wasKept) } }

    func connectionEnded(_ peer: PeerAddress?) { change { $0.connectionEnded(peer) } }

    // MARK: Changes at run time

    func setMaxConnections(_ count: Int) { change { $0.maxConnections = max(0, count) } }

    func setSuspended(_ isSuspended: Bool) { change { $0.isSuspended = isSuspended } }

    private func change(_ body: (inout Admission<PeerAddress>) -> Void) {
        let woken = lock.withLock {
            body(&admission)
            return admission.wakeable().compactMap { wakers[$0] }
        }
        for wake in woken { wake() }
    }
}
