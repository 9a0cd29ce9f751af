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

    private var links: [Peer: Link] = [:]

    var count: Int { links.count }
    var peers: [Peer] { Array(links.keys) }

    func contains(_ peer: Peer) -> Bool { links[peer] != nil }

    /// This side asks for a link.
    ///
    /// - Returns: whether the peer must be told: not when the two are linked already.
    mutating func request(_ peer: Peer, _ number: UInt64) -> Bool {
        guard links[peer] == nil else { return false }
        links[peer] = Link(since: number, latest: number)
        return true
    }

    /// The peer has asked for a link.
    mutating func requested(by peer: Peer, _ number: UInt64) {
        let known = links[peer]
        links[peer] = Link(since: min(known?.since ?? number, number), latest: max(known?.latest ?? number, number))
    }

    /// This side undoes the link.
    ///
    /// - Returns: the number to tell the peer, or `nil` if there was no link.
    mutating func undo(_ peer: Peer) -> UInt64? { links.removeValue(forKey: peer)?.latest }

    /// The peer has undone the link that it knew by `number`.
    mutating func undone(by peer: Peer, _ number: UInt64) {
        if let link = links[peer], link.latest <= number { links[peer] = nil }
    }

    /// The peer has ended, as far as it knew linked by `number`.
    ///
    /// - Returns: whether that link still stood. It does not any more.
    mutating func ended(_ peer: Peer, _ number: UInt64) -> Bool {
        guard let link = links[peer], link.since <= number else { return false }
        links[peer] = nil
        return true
    }

    /// This side has ended: whom to tell, in the order in which the links were made, and by which numbers.
    mutating func takeAll() -> [(peer: Peer, number: UInt64)] {
        defer { links = [:] }
        return links.sorted { $0.value.since < $1.value.since }.map { ($0.key, $0.value.latest) }
    }
}
