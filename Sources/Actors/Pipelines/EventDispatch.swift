internal import DequeModule

/// To which of its consumers a producer hands an event. (GenStage: dispatchers.)
///
///     let jobs = try await Jobs().started()                                          // one of the workers each
///     let prices = try await Prices().started(dispatch: .broadcast)                   // everybody all
///     let orders = try await Orders().started(dispatch: .partition(into: 4) { $0.customer })
public struct EventDispatch<Output: Sendable>: Sendable {
    enum Rule: Sendable {
        case demand
        case broadcast
        case partition(Int, @Sendable (Output) -> Int)
    }

    let rule: Rule

    /// To the consumer that has asked for most; of several that have, to the one that was served longest ago. The
    /// default. Each event goes to one.
    public static var demand: EventDispatch { EventDispatch(rule: .demand) }

    /// To each consumer, at the pace of the slowest: nothing is produced that one of them has not asked for. One that
    /// comes later gets what is produced from then on.
    public static var broadcast: EventDispatch { EventDispatch(rule: .broadcast) }

    /// To the consumer of the partition that the event's key comes to, so that events with equal keys go to one consumer,
    /// in order.
    ///
    /// Each consumer subscribes to a partition, and each partition has one consumer. What comes for one that has asked
    /// for nothing, or is not there yet, waits for it; as much waits as the others have asked for, and then they wait
    /// too: one partition that stands still stops all in the end.
    ///
    /// - Parameters:
    ///   - count: how many partitions there are, at least 1. Their numbers are `0..<count`.
    ///   - key: gives the key. It runs as the producer, once for each event.
    public static func partition<Key: Hashable & SendableMetatype>(
        into count: Int, by key: @escaping @Sendable (Output) -> Key
    ) -> EventDispatch {
        let count = max(count, 1)
        return EventDispatch(rule: .partition(count) { Int(UInt(bitPattern: key($0).hashValue) % UInt(count)) })
    }
}

/// What becomes of events that a producer has though nobody has asked for them: those that it emits.
///
/// So many wait for demand. What is dropped is counted, and the producer is told (`Stage.eventsDropped`).
public struct EventBuffer: Sendable, Hashable {
    let limit: Int
    let keepsLast: Bool

    /// The first `limit` wait, and what comes then is dropped. Of a producer with partitions: so many for each.
    public static func keepFirst(_ limit: Int) -> EventBuffer { EventBuffer(limit: max(limit, 0), keepsLast: false) }

    /// The last `limit` wait: for one that comes, the one that waits longest is dropped. Of a producer with partitions:
    /// so many for each.
    public static func keepLast(_ limit: Int) -> EventBuffer { EventBuffer(limit: max(limit, 0), keepsLast: true) }
}

/// The demand of a producer's consumers and what waits for it, as a value: who is handed what, and how much the producer
/// may make.
///
/// At no time have the consumers been handed more than they have asked for, and what the producer was asked for never
/// exceeds their demand less what waits. To hand out a batch costs as much as the consumers that get some of it.
struct DispatchMachine<Event: Sendable> {
    typealias ID = UInt64
    /// What a consumer is handed.
    typealias Delivery = (id: ID, events: [Event])

    enum Refusal: Error {
        /// The producer has partitions; the subscription names none of them.
        case noSuchPartition(Int)
        /// There are no partitions, and the subscription names one.
        case noPartitions
        case partitionTaken(ID)
    }

    private let rule: EventDispatch<Event>.Rule
    /// One, or one for each partition; none for a broadcast.
    private var lines: [DemandLine<Event>] = []
    private var broadcast = BroadcastLine<Event>()
    private var partitions: [ID: Int] = [:]

    init(_ dispatch: EventDispatch<Event>) {
        rule = dispatch.rule
        switch rule {
        case .demand: lines = [DemandLine()]
        case .broadcast: break
        case .partition(let count, _): lines = (0..<count).map { _ in DemandLine() }
        }
    }

    private var isBroadcast: Bool { if case .broadcast = rule { true } else { false } }

    /// How many events the consumers have asked for and not been handed: of a broadcast, the slowest.
    private(set) var demand = 0
    /// How many events wait for somebody to ask for them.
    private(set) var held = 0
    /// How many more the producer may make.
    var wanted: Int { max(demand - held, 0) }

    /// A consumer has come, and has asked for nothing yet.
    ///
    /// - Parameter partition: which one it wants, where there are some.
    mutating func subscribe(_ id: ID, partition: Int?) -> Refusal? {
        switch (rule, partition) {
        case (.demand, nil): lines[0].add(id)
        case (.broadcast, nil): broadcast.add(id)
        case (.demand, _), (.broadcast, _): return .noPartitions
        case (.partition(let count, _), let wish):
            guard let wish, wish >= 0, wish < count else { return .noSuchPartition(count) }
            if let other = lines[wish].takers.first { return .partitionTaken(other) }
            lines[wish].add(id)
            partitions[id] = wish
        }
        count()
        return nil
    }

    /// A consumer asks for more.
    mutating func ask(_ id: ID, _ more: Int) -> [Delivery] {
        guard more > 0 else { return [] }
        defer { count() }
        if isBroadcast { return broadcast.ask(id, more) }
        let line = partitions[id] ?? 0
        let (held, demand) = (lines[line].held.count, lines[line].demand)
        defer { note(line, held, demand) }
        return lines[line].ask(id, more)
    }

    /// A consumer is gone, and what it has asked for with it. Others may be handed what waited for it.
    mutating func cancel(_ id: ID) -> [Delivery] {
        defer { count() }
        if isBroadcast { return broadcast.remove(id) }
        let line = partitions.removeValue(forKey: id) ?? 0
        let (held, demand) = (lines[line].held.count, lines[line].demand)
        lines[line].remove(id)
        note(line, held, demand)
        return []
    }

    /// The producer has made events that were asked for. None is dropped.
    mutating func dispatch(_ events: [Event]) -> [Delivery] {
        if events.isEmpty { return [] }
        defer { count() }
        switch rule {
        case .broadcast: return broadcast.add(events)
        case .demand: return handOut(events, 0)
        case .partition(_, let place):
            return sort(events, place).flatMap { handOut($0.events, $0.line) }
        }
    }

    /// The producer has events for which nobody has asked.
    ///
    /// - Returns: who is handed what, and how many were dropped.
    mutating func emit(_ events: [Event], _ buffer: EventBuffer) -> (deliveries: [Delivery], dropped: Int) {
        if events.isEmpty { return ([], 0) }
        defer { count() }
        switch rule {
        case .broadcast:
            let deliveries = broadcast.add(events)
            return (deliveries, broadcast.held.drop(events.count, buffer))
        case .demand: return emit(events, 0, buffer)
        case .partition(_, let place):
            var all: (deliveries: [Delivery], dropped: Int) = ([], 0)
            for (line, events) in sort(events, place) {
                let (deliveries, dropped) = emit(events, line, buffer)
                all.deliveries += deliveries
                all.dropped += dropped
            }
            return all
        }
    }

    private mutating func emit(_ events: [Event], _ line: Int, _ buffer: EventBuffer) -> ([Delivery], Int) {
        let (held, demand) = (lines[line].held.count, lines[line].demand)
        defer { note(line, held, demand) }
        let deliveries = lines[line].handOut(events)
        return (deliveries, lines[line].held.drop(events.count, buffer))
    }

    /// The events by the partitions that they come to. The key is code of the user's: it is asked before anything changes.
    private func sort(_ events: [Event], _ place: (Event) -> Int) -> [(line: Int, events: [Event])] {
        var sorted: [(line: Int, events: [Event])] = []
        var index: [Int: Int] = [:]
        for event in events {
            let line = place(event)
            if let at = index[line] {
                sorted[at].events.append(event)
            } else {
                index[line] = sorted.count
                sorted.append((line, [event]))
            }
        }
        return sorted
    }

    private mutating func handOut(_ events: [Event], _ line: Int) -> [Delivery] {
        let (held, demand) = (lines[line].held.count, lines[line].demand)
        defer { note(line, held, demand) }
        return lines[line].handOut(events)
    }

    // MARK: Counting

    /// A line has changed: the sums change with it.
    private mutating func note(_ line: Int, _ held: Int, _ demand: Int) {
        self.held += lines[line].held.count - held
        self.demand += lines[line].demand - demand
    }

    private mutating func count() {
        guard isBroadcast else { return }
        held = broadcast.held.count
        demand = broadcast.demand
    }
}

extension Deque {
    /// Drops what is more than a buffer holds, of the last `count` or of the first.
    ///
    /// - Returns: how many were dropped. Of those that were asked for, which may be more than the buffer holds, none is by
    ///   `keepFirst`.
    fileprivate mutating func drop(_ count: Int, _ buffer: EventBuffer) -> Int {
        let surplus = Swift.min(self.count - buffer.limit, count)
        guard surplus > 0 else { return 0 }
        if buffer.keepsLast { removeFirst(surplus) } else { removeLast(surplus) }
        return surplus
    }
}

/// Events that go to one consumer each, the one that has asked for most.
struct DemandLine<Event: Sendable> {
    typealias ID = DispatchMachine<Event>.ID

    private struct Rank: Comparable {
        var demand: Int
        /// When it was last handed something, or came.
        var turn: UInt64
        let id: ID

        /// Who is greater is served first.
        static func < (a: Rank, b: Rank) -> Bool { a.demand != b.demand ? a.demand < b.demand : a.turn > b.turn }
    }

    private(set) var demand = 0
    /// What waits; nothing while there is demand.
    fileprivate(set) var held = Deque<Event>()
    private var ranks: [ID: Rank] = [:]
    /// Those that have demand; the last is served first.
    private var order: [Rank] = []
    private var turn: UInt64 = 0

    /// The consumers.
    var takers: some Collection<ID> { ranks.keys }

    mutating func add(_ id: ID) {
        turn += 1
        ranks[id] = Rank(demand: 0, turn: turn, id: id)
    }

    mutating func remove(_ id: ID) {
        guard let rank = ranks.removeValue(forKey: id) else { return }
        demand -= rank.demand
        leave(rank)
    }

    mutating func ask(_ id: ID, _ more: Int) -> [DispatchMachine<Event>.Delivery] {
        guard var rank = ranks[id] else { return [] }
        leave(rank)
        rank.demand += more
        demand += more
        enter(rank)
        // What waits is for whoever asks first.
        let waiting = min(more, held.count)
        if waiting == 0 { return [] }
        let events = Array(held.prefix(waiting))
        held.removeFirst(waiting)
        if held.isEmpty { held = [] }
        return handOut(events)
    }

    /// Hands out what there is demand for; the rest waits, behind what waits already.
    mutating func handOut(_ events: [Event]) -> [DispatchMachine<Event>.Delivery] {
        var deliveries: [DispatchMachine<Event>.Delivery] = []
        var next = 0
        while next < events.count, var rank = order.popLast() {
            let count = min(rank.demand, events.count - next)
            // Most often the first can take all, and then nothing is copied.
            let share = count == events.count ? events : Array(events[next..<next + count])
            deliveries.append((rank.id, share))
            next += count
            turn += 1
            rank.turn = turn
            rank.demand -= count
            demand -= count
            enter(rank)
        }
        if next < events.count { held.append(contentsOf: events[next...]) }
        return deliveries
    }

    private mutating func enter(_ rank: Rank) {
        ranks[rank.id] = rank
        if rank.demand > 0 { order.insert(rank, at: place(of: rank)) }
    }

    private mutating func leave(_ rank: Rank) {
        if rank.demand > 0 { order.remove(at: place(of: rank)) }
    }

    /// Where it stands among those with demand, or would.
    private func place(of rank: Rank) -> Int {
        var (low, high) = (0, order.count)
        while low < high {
            let middle = (low + high) / 2
            if order[middle] < rank { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// Events that go to each consumer, at the pace of the slowest.
struct BroadcastLine<Event: Sendable> {
    typealias ID = DispatchMachine<Event>.ID

    /// Up to which event, counted from the first there ever was, each has asked.
    private var limits: [ID: UInt64] = [:]
    private var handed: UInt64 = 0
    /// The least of the limits, and how many are there.
    private var slowest: (limit: UInt64, count: Int) = (0, 0)
    fileprivate(set) var held = Deque<Event>()

    var demand: Int { limits.isEmpty ? 0 : Int(slowest.limit - handed) }

    mutating func add(_ id: ID) {
        let isOneOfMany = !limits.isEmpty && slowest.limit == handed
        limits[id] = handed
        slowest = (handed, isOneOfMany ? slowest.count + 1 : 1)
    }

    mutating func remove(_ id: ID) -> [DispatchMachine<Event>.Delivery] {
        guard let limit = limits.removeValue(forKey: id) else { return [] }
        leave(limit)
        return handOut()
    }

    mutating func ask(_ id: ID, _ more: Int) -> [DispatchMachine<Event>.Delivery] {
        guard let limit = limits[id] else { return [] }
        limits[id] = limit + UInt64(more)
        leave(limit)
        return handOut()
    }

    mutating func add(_ events: [Event]) -> [DispatchMachine<Event>.Delivery] {
        guard held.isEmpty, events.count <= demand else {
            held.append(contentsOf: events)
            return handOut()
        }
        handed += UInt64(events.count)
        return limits.keys.map { ($0, events) }
    }

    private mutating func handOut() -> [DispatchMachine<Event>.Delivery] {
        let count = min(demand, held.count)
        if count == 0 { return [] }
        let events = Array(held.prefix(count))
        held.removeFirst(count)
        if held.isEmpty { held = [] }
        handed += UInt64(count)
        return limits.keys.map { ($0, events) }
    }

    /// One is no longer at a limit. The least is looked for again only when it was the last one there: once a round.
    private mutating func leave(_ limit: UInt64) {
        guard limit == slowest.limit else { return }
        slowest.count -= 1
        guard slowest.count == 0 else { return }
        let least = limits.values.min() ?? handed
        slowest = (least, limits.values.count { $0 == least })
    }
}
