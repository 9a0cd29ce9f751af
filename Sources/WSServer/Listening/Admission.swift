/// How much a server has in hand and how much it may have, as a value: what acceptors ask before they take another
/// connection.
///
/// A place is reserved before `accept` is called, so that several acceptors together never take more than the limit. It
/// is a handshake's, and then a connection's.
struct Admission<Peer: Hashable & Sendable>: Sendable {
    var maxConnections: Int
    let maxHandshakes: Int
    /// How many places one peer may hold; `nil`: any number.
    let maxPerPeer: Int?
    /// Whether nobody is let in for now.
    var isSuspended = false
    /// Handshakes under way, and places reserved for them.
    private(set) var handshakes = 0
    private(set) var connections = 0
    /// Peers that were answered and may ask again: neither of both, but each has a place.
    private(set) var kept = 0
    /// How many were turned away because their peer held as many places as it may.
    private(set) var turnedAway: UInt64 = 0
    /// Acceptors that found no room, and wait for some.
    private var sleepers: [Int] = []
    private var held: [Peer: Int] = [:]

    init(maxConnections: Int, maxHandshakes: Int, maxPerPeer: Int? = nil) {
        self.maxConnections = maxConnections
        self.maxHandshakes = maxHandshakes
        self.maxPerPeer = maxPerPeer
    }

    /// How many more may come in now.
    var room: Int {
        // A handshake may become a connection, so it takes a place among them too.
        isSuspended ? 0 : max(0, min(maxHandshakes - handshakes, maxConnections - handshakes - kept - connections))
    }

    /// Takes a place for whoever `acceptor` accepts next; if there is none, it is to be woken when there is.
    mutating func reserve(for acceptor: Int) -> Bool {
        guard room > 0 else {
            if !sleepers.contains(acceptor) { sleepers.append(acceptor) }
            return false
        }
        handshakes += 1
        return true
    }

    /// Whether the peer whose connection was accepted may keep the place that was reserved for it. If not, the place is
    /// to be given back.
    mutating func admit(_ peer: Peer?) -> Bool {
        guard let maxPerPeer, let peer else { return true }
        let count = held[peer, default: 0]
        guard count < maxPerPeer else {
            turnedAway += 1
            return false
        }
        held[peer] = count + 1
        return true
    }

    /// A place that was reserved is not needed, or a handshake has come to nothing.
    mutating func handshakeEnded(_ peer: Peer?) {
        handshakes -= 1
        release(peer)
    }

    /// A peer was answered and may ask again: it keeps its place, and makes room among the handshakes.
    mutating func handshakeIsKept() {
        handshakes -= 1
        kept += 1
    }

    mutating func keptEnded(_ peer: Peer?) {
        kept -= 1
        release(peer)
    }

    /// A handshake, or a peer that was kept, has become a connection: it keeps its place.
    mutating func connectionBegan(wasKept: Bool = false) {
        if wasKept { kept -= 1 } else { handshakes -= 1 }
        connections += 1
    }

    mutating func connectionEnded(_ peer: Peer?) {
        connections -= 1
        release(peer)
    }

    /// Those to be woken: no more than there is room for.
    mutating func wakeable() -> [Int] {
        let count = min(room, sleepers.count)
        guard count > 0 else { return [] }
        defer { sleepers.removeFirst(count) }
        return Array(sleepers.prefix(count))
    }

    private mutating func release(_ peer: Peer?) {
        guard maxPerPeer != nil, let peer, let count = held[peer] else { return }
        held[peer] = count > 1 ? count - 1 : nil
    }
}
