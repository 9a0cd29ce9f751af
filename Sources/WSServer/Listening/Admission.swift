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

/// Which handshake makes room for a newcomer when there are as many as there may be, as a value.
///
/// The oldest goes of those that have said nothing, else the oldest of those that have said something and let us wait
/// for more. So half-open handshakes, however many and however often they are opened again, keep nobody out. Nobody
/// goes whose `patience` is not over, or who waits for us: where many come at once, each would make room for the next,
/// and none would come to its end.
struct HandshakeQueue: Sendable {
    /// How a handshake stands when it is looked at.
    enum Standing: Sendable {
        /// Nothing has come of its peer.
        case silent
        /// Something has come, and the rest is awaited: of TLS, of a request, of its end.
        case speaking
        /// It waits for us: bytes that are not read, a hook, a route.
        case served
        /// It is over, or counts as a handshake no more.
        case gone
    }

    /// How long a handshake is left in peace when others want its place.
    struct Patience: Sendable {
        var silent: Duration = .milliseconds(500)
        var speaking: Duration = .seconds(1)
    }

    private struct Entry: Sendable {
        let number: UInt64
        /// In nanoseconds.
        let beganAt: UInt64
    }

    private let patience: Patience
    private var silent = Line()
    /// Those that were seen to have said something.
    private var others = Line()

    /// How many are looked at in one go.
    private static let mostLooks = 64

    init(patience: Patience = .init()) { self.patience = patience }

    /// How many it remembers, those included that are gone.
    var count: Int { silent.count + others.count }

    /// A handshake has begun.
    ///
    /// - Parameters:
    ///   - living: how many there are. Those that are gone are forgotten when there are more of them.
    ///   - standing: how one stands now.
    mutating func append(_ number: UInt64, at time: UInt64, living: Int, _ standing: (UInt64) -> Standing) {
        silent.append(Entry(number: number, beganAt: time))
        guard count > 2 * living + HandshakeQueue.mostLooks else { return }
        silent.keep { standing($0.number) != .gone }
        others.keep { standing($0.number) != .gone }
    }

    /// Takes out the one that is to go; `nil` when none is, for now.
    mutating func next(at time: UInt64, _ standing: (UInt64) -> Standing) -> UInt64? {
        while let first = silent.first {
            switch standing(first.number) {
            case .gone: silent.removeFirst()
            case .speaking, .served:
                silent.removeFirst()
                others.append(first)
            case .silent:
                guard isOver(patience.silent, since: first.beganAt, at: time) else {
                    return nextOfOthers(at: time, standing)
                }
                silent.removeFirst()
                return first.number
            }
        }
        return nextOfOthers(at: time, standing)
    }

    private mutating func nextOfOthers(at time: UInt64, _ standing: (UInt64) -> Standing) -> UInt64? {
        for _ in 0..<min(others.count, HandshakeQueue.mostLooks) {
            guard let first = others.first, isOver(patience.speaking, since: first.beganAt, at: time) else {
                return nil
            }
            others.removeFirst()
            switch standing(first.number) {
            case .gone: continue
            case .served: others.append(first)
            case .silent, .speaking: return first.number
            }
        }
        return nil
    }

    private func isOver(_ patience: Duration, since start: UInt64, at time: UInt64) -> Bool {
        time >= start && .nanoseconds(Int64(clamping: time - start)) >= patience
    }

    /// First in, first out.
    private struct Line: Sendable {
        private var entries: [Entry] = []
        private var head = 0

        var count: Int { entries.count - head }
        var first: Entry? { head < entries.count ? entries[head] : nil }

        mutating func append(_ entry: Entry) { entries.append(entry) }

        mutating func removeFirst() {
            head += 1
            guard head > HandshakeQueue.mostLooks, head > entries.count / 2 else { return }
            entries.removeFirst(head)
            head = 0
        }

        mutating func keep(_ isKept: (Entry) -> Bool) {
            entries = entries[head...].filter(isKept)
            head = 0
        }
    }
}
