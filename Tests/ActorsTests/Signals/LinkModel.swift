@testable import Actors

/// Some sides that link, unlink and end, with their signals under way in order in a channel for each direction. What
/// the processes do with a `LinkTable` is done here as `ProcessCore+Signals.swift` does it.
struct LinkModel {
    enum Action: Hashable, CaseIterable { case link, unlink, end }

    private enum Signal {
        case link(UInt64)
        case unlink(UInt64)
        case ended(UInt64)
    }

    private struct Side {
        var table = LinkTable<Int>()
        var isAlive = true
        /// For each peer: whether a link was made, or asked for, since the last was undone here or its end was told.
        var mayHear: Set<Int> = []
        var told: [Int: Int] = [:]
    }

    private struct Channel: Hashable {
        let from: Int
        let to: Int
    }

    private var sides: [Side]
    private var channels: [Channel: [Signal]] = [:]
    private var lastNumber: UInt64 = 0
    /// What has gone wrong.
    private(set) var faults: [String] = []
    private(set) var unlinks = 0
    private(set) var links = 0
    private(set) var ends = 0

    init(sides count: Int) { sides = Array(repeating: Side(), count: count) }

    var isAtRest: Bool { channels.isEmpty }
    var busyChannels: [(from: Int, to: Int)] {
        channels.keys.sorted { ($0.from, $0.to) < ($1.from, $1.to) }.map { ($0.from, $0.to) }
    }

    func isAlive(_ side: Int) -> Bool { sides[side].isAlive }
    func isLinked(_ side: Int, to peer: Int) -> Bool { sides[side].table.contains(peer) }
    func told(_ side: Int, of peer: Int) -> Int { sides[side].told[peer] ?? 0 }

    // MARK: What sides do

    mutating func take(_ action: Action, _ side: Int, _ peer: Int) {
        guard sides[side].isAlive else { return }
        switch action {
        case .link: link(side, peer)
        case .unlink: unlink(side, peer)
        case .end: end(side)
        }
    }

    private mutating func link(_ side: Int, _ peer: Int) {
        links += 1
        lastNumber += 1
        if sides[side].table.request(peer, lastNumber) { send(.link(lastNumber), side, peer) }
        sides[side].mayHear.insert(peer)
    }

    private mutating func unlink(_ side: Int, _ peer: Int) {
        unlinks += 1
        sides[side].mayHear.remove(peer)
        if let number = sides[side].table.undo(peer) { send(.unlink(number), side, peer) }
    }

    private mutating func end(_ side: Int) {
        ends += 1
        sides[side].isAlive = false
        for (peer, number) in sides[side].table.takeAll() { send(.ended(number), side, peer) }
        if sides[side].table.count != 0 { faults.append("\(side) has ended and keeps a link") }
    }

    private mutating func send(_ signal: Signal, _ from: Int, _ to: Int) {
        channels[Channel(from: from, to: to), default: []].append(signal)
    }

    // MARK: What arrives

    mutating func deliver(from: Int, to: Int) {
        let channel = Channel(from: from, to: to)
        guard let signal = channels[channel]?.removeFirst() else { return }
        if channels[channel]?.isEmpty == true { channels[channel] = nil }
        switch signal {
        case .link(let number) where !sides[to].isAlive: send(.ended(number), to, from)
        case .link(let number):
            sides[to].table.requested(by: from, number)
            sides[to].mayHear.insert(from)
        case .unlink(let number): sides[to].table.undone(by: from, number)
        case .ended(let number): ended(from, number, at: to)
        }
    }

    private mutating func ended(_ peer: Int, _ number: UInt64, at side: Int) {
        guard sides[side].isAlive, sides[side].table.ended(peer, number) else { return }
        sides[side].told[peer, default: 0] += 1
        if sides[side].mayHear.remove(peer) == nil {
            faults.append("\(side) heard of the end of \(peer) through a link that was undone or had told already")
        }
    }

    mutating func deliverAll() {
        while let (from, to) = busyChannels.first { deliver(from: from, to: to) }
    }

    // MARK: What must hold when nothing is under way

    mutating func checkAtRest() {
        for a in sides.indices {
            for b in sides.indices where b > a { checkPair(a, b) }
        }
        let made = sides.allSatisfy { !$0.isAlive || $0.table.count == $0.table.peers.count }
        if !made { faults.append("a table miscounts its links") }
    }

    private mutating func checkPair(_ a: Int, _ b: Int) {
        let (linkedA, linkedB) = (isLinked(a, to: b), isLinked(b, to: a))
        if linkedA != linkedB { faults.append("\(a) and \(b) do not agree: \(linkedA), \(linkedB)") }
        if !(isAlive(a) && isAlive(b)) && (linkedA || linkedB) { faults.append("a link to an end that is over") }
        for (side, peer) in [(a, b), (b, a)] where isAlive(side) && !isAlive(peer) {
            if sides[side].mayHear.contains(peer) && told(side, of: peer) == 0 && unlinks == 0 {
                faults.append("\(side) linked to \(peer) and was never told of its end")
            }
        }
    }

    /// From rest: what one side does alone must have its effect on both.
    func checkFollowUps() -> [String] {
        var found: [String] = []
        for (side, peer) in [(0, 1), (1, 0)] where isAlive(side) && isAlive(peer) {
            found += followUp(side, peer)
        }
        return found
    }

    private func followUp(_ side: Int, _ peer: Int) -> [String] {
        var found: [String] = []
        let wasLinked = isLinked(side, to: peer)
        var (ended, unlinked, linked) = (self, self, self)
        ended.take(.end, side, peer)
        ended.deliverAll()
        if ended.told(peer, of: side) - told(peer, of: side) != (wasLinked ? 1 : 0) {
            found.append("the end of \(side), linked: \(wasLinked), was not told so often to \(peer)")
        }
        unlinked.take(.unlink, side, peer)
        unlinked.deliverAll()
        if unlinked.isLinked(0, to: 1) || unlinked.isLinked(1, to: 0) {
            found.append("an unlink by \(side) has no effect")
        }
        linked.take(.link, side, peer)
        linked.deliverAll()
        if !linked.isLinked(0, to: 1) || !linked.isLinked(1, to: 0) { found.append("a link by \(side) has no effect") }
        return found + ended.faults + unlinked.faults + linked.faults
    }
}
