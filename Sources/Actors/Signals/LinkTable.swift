/// The links of one process, as a value: no threads, no signals of its own.
///
/// A link is an agreement of two sides that may be made, undone and made again from both at once, while signals are
/// under way. So each request carries a number that is larger than all before it; a side that undoes a link says up to
/// which number, and an exit signal says the number that its sender knew. What is older than a side's own link does
/// not touch it. (OTP: links and the unlink protocol of the signal reference.)
struct LinkTable<Peer: Hashable> {
    private struct Link {
        /// The first request of this link: what undid or ended an earlier one is older.
        var since: UInt64
        /// The newest request that both may know.
        var latest: UInt64
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
        self[peer] = Link(since: number, latest: number)
        return true
    }

    /// The peer has asked for a link.
    mutating func requested(by peer: Peer, _ number: UInt64) {
        let known = self[peer]
        self[peer] = Link(since: min(known?.since ?? number, number), latest: max(known?.latest ?? number, number))
    }

    /// This side undoes the link.
    ///
    /// - Returns: the number to tell the peer, or `nil` if there was no link.
    mutating func undo(_ peer: Peer) -> UInt64? {
        defer { self[peer] = nil }
        return self[peer]?.latest
    }

    /// The peer has undone the link that it knew by `number`.
    mutating func undone(by peer: Peer, _ number: UInt64) {
        if let link = self[peer], link.latest <= number { self[peer] = nil }
    }

    /// The peer has ended, as far as it knew linked by `number`.
    ///
    /// - Returns: whether that link still stood. It does not any more.
    mutating func ended(_ peer: Peer, _ number: UInt64) -> Bool {
        guard let link = self[peer], link.since <= number else { return false }
        self[peer] = nil
        return true
    }

    /// This side has ended: whom to tell, in the order in which the links were made, and by which numbers.
    mutating func takeAll() -> [(peer: Peer, number: UInt64)] {
        var all = more.map { (peer: $0.key, link: $0.value) }
        if let first { all.append(first) }
        first = nil
        more = [:]
        if all.count > 1 { all.sort { $0.link.since < $1.link.since } }
        return all.map { ($0.peer, $0.link.latest) }
    }
}
