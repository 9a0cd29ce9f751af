/// The links of one process, as a value: no threads, no signals of its own.
///
/// A link is an agreement of two sides that may be made, undone and made again from both at once, while signals are
/// under way. So a side remembers its own request and the newest that has arrived, each by its number, which is larger
/// than all before it. Who undoes a link, or ends, says which request of the other has arrived: one that has not makes a
/// new link when it does, so the other side keeps it. Signals from one side to the other keep their order: what has
/// arrived from a side before it undoes is undone with it. (OTP: links and the unlink protocol of the signal reference.)
struct LinkTable<Peer: Hashable> {
    private struct Link {
        /// This side's request, 0 for none.
        var own: UInt64 = 0
        /// The newest request of the other side, 0 for none.
        var theirs: UInt64 = 0

        /// Of two links the one with the smaller number was made first.
        var age: UInt64 { own == 0 ? theirs : theirs == 0 ? own : min(own, theirs) }
    }

    /// Most processes have one link at most, which needs no storage of its own.
    private var first: (peer: Peer, link: Link)?
    private var more: [Peer: Link] = [:]

    private subscript(peer: Peer) -> Link? {
        get { first?.peer == peer ? first?.link : more.isEmpty ? nil : more[peer] }
        set {
            if first?.peer == peer {
                first = newValue.map { (peer, $0) }
            } else if let newValue, first == nil, more[peer] == nil {
                first = (peer, newValue)
            } else if newValue != nil || !more.isEmpty {
                more[peer] = newValue
            }
        }
    }

    var count: Int { (first == nil ? 0 : 1) + more.count }
    var peers: [Peer] { (first.map { [$0.peer] } ?? []) + more.keys }

    func contains(_ peer: Peer) -> Bool { self[peer] != nil }

    /// This side asks for a link.
    ///
    /// - Returns: whether the peer must be told: not when the two are linked already.
    mutating func request(_ peer: Peer, _ number: UInt64) -> Bool {
        guard self[peer] == nil else { return false }
        self[peer] = Link(own: number)
        return true
    }

    /// The peer has asked for a link.
    mutating func requested(by peer: Peer, _ number: UInt64) {
        self[peer] = Link(own: self[peer]?.own ?? 0, theirs: number)
    }

    /// This side undoes the link.
    ///
    /// - Returns: the number to tell the peer, or `nil` if there was no link.
    mutating func undo(_ peer: Peer) -> UInt64? {
        defer { self[peer] = nil }
        return self[peer]?.theirs
    }

    /// The peer has undone the link, when this side's request of that `number` had arrived there, or 0 if none had.
    mutating func undone(by peer: Peer, _ number: UInt64) {
        guard let link = self[peer] else { return }
        self[peer] = link.own > number ? Link(own: link.own) : nil
    }

    /// The peer has ended, when this side's request of that `number` had arrived there, or 0 if none had.
    ///
    /// - Returns: whether that link still stood. It does not any more.
    mutating func ended(_ peer: Peer, _ number: UInt64) -> Bool {
        // A request that arrives there later is answered by itself.
        guard let link = self[peer], link.theirs > 0 || link.own <= number else { return false }
        self[peer] = nil
        return true
    }

    /// This side has ended: whom to tell, in the order in which the links were made, and by which numbers.
    mutating func takeAll() -> [(peer: Peer, number: UInt64)] {
        var all = more.map { (peer: $0.key, link: $0.value) }
        if let first { all.append(first) }
        first = nil
        more = [:]
        if all.count > 1 { all.sort { $0.link.age < $1.link.age } }
        return all.map { ($0.peer, $0.link.theirs) }
    }
}
