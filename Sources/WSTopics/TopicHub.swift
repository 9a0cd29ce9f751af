internal import Actors
internal import DequeModule
internal import Synchronization
internal import WSConnection

/// What topics are on one scheduler: who of its connections has subscribed to what, and the messages on their way to
/// them.
final class TopicHub: @unchecked Sendable {
    // Safety: touched by the scheduler's thread only, but for what is constant.

    /// What one connection has subscribed to. Nothing is kept of one that has not.
    private struct Subscriber {
        /// What tells of its end.
        let observer: UInt64
        var memberships: [Membership] = []
    }

    /// How many members get their message in one turn of the scheduler, before others have theirs. Each costs a system
    /// call at the end of the turn, so this is about a millisecond.
    static let membersPerTurn = 256
    /// After how many of them it looks whether their time is over before that.
    private static let membersPerLook = 32

    let scheduler: Scheduler
    private let directory: TopicDirectory
    private var topics: [String: LocalTopic] = [:]
    private var subscribers: [UInt64: Subscriber] = [:]

    /// What is on its way to members, in order.
    private var queue = Deque<HandOut>()
    /// How many have come: the number of the next.
    private var accepted: UInt64 = 0
    private var isWorking = false
    /// How many members have had a message in the turn of that number, whatever brought it.
    private var handedOut = 0
    private var turn: UInt64 = 0
    /// What somebody waits for, by its publication.
    private var awaited: [ObjectIdentifier: HandOut] = [:]

    init(_ scheduler: Scheduler, _ directory: TopicDirectory) {
        self.scheduler = scheduler
        self.directory = directory
    }

    // MARK: Subscribing

    func subscribe(_ core: ProcessCore, to name: String, atMost limit: Int) throws(TopicError) -> Bool {
        let held = subscribers[core.id]?.memberships ?? []
        if let topic = topics[name], held.contains(where: { $0.topic === topic }) { return false }
        guard held.count < limit else {
            throw TopicError(
                .tooManyTopics, "the connection has subscribed to \(held.count) topics; \(limit) are allowed")
        }
        let membership = Membership(topic(name), core, since: accepted)
        membership.topic.add(membership)
        subscribers[core.id, default: Subscriber(observer: observe(core))].memberships.append(membership)
        directory.counters.membersChanged(by: 1)
        return true
    }

    func unsubscribe(_ core: ProcessCore, from name: String) -> Bool {
        guard let topic = topics[name],
            let index = subscribers[core.id]?.memberships.firstIndex(where: { $0.topic === topic }),
            let membership = subscribers[core.id]?.memberships.remove(at: index)
        else { return false }
        leave(membership)
        if let subscriber = subscribers[core.id], subscriber.memberships.isEmpty {
            core.removeObserver(subscriber.observer)
            subscribers[core.id] = nil
        }
        return true
    }

    func topics(of core: ProcessCore) -> [String] { subscribers[core.id]?.memberships.map(\.topic.name) ?? [] }

    private func topic(_ name: String) -> LocalTopic {
        if let topic = topics[name] { return topic }
        let topic = LocalTopic(name, self)
        topics[name] = topic
        directory.add(topic)
        return topic
    }

    /// At its end the connection leaves all its topics.
    private func observe(_ core: ProcessCore) -> UInt64 {
        core.addObserver { [self, id = core.id] _ in
            for membership in subscribers.removeValue(forKey: id)?.memberships ?? [] { leave(membership) }
        }
    }

    private func leave(_ membership: Membership) {
        let topic = membership.topic
        topic.remove(membership)
        directory.counters.membersChanged(by: -1)
        guard topic.roster.count == 0 else { return }
        topics[topic.name] = nil
        directory.remove(topic)
    }

    // MARK: Handing out

    /// Takes a message for the members of a topic.
    func accept(_ publication: Publication, for topic: LocalTopic) {
        let handOut = HandOut(publication, number: accepted, topic)
        accepted += 1
        if publication.isAwaited { awaited[ObjectIdentifier(publication)] = handOut }
        queue.append(handOut)
        // Else it is under way already, perhaps further up this very stack.
        if queue.count == 1, !isWorking { work() }
    }

    /// Hands out what waits, first come, first served, to as many members as may have their turn.
    private func work() {
        isWorking = true
        defer { isWorking = false }
        if turn != scheduler.turnNumber { (turn, handedOut) = (scheduler.turnNumber, 0) }
        while handedOut < TopicHub.membersPerTurn, let first = queue.first {
            handedOut += first.proceed(atMost: min(TopicHub.membersPerLook, TopicHub.membersPerTurn - handedOut))
            if first.isThrough { queue.removeFirst() }
            if scheduler.hasTickedInPhase { break }
        }
        if !queue.isEmpty { scheduler.runHereLater { [self] in work() } }
    }

    /// All members have had a message that somebody waits for.
    func finished(_ publication: Publication) { awaited[ObjectIdentifier(publication)] = nil }

    /// Whoever waits for members to have room waits no longer.
    func cancel(_ publication: Publication) { awaited[ObjectIdentifier(publication)]?.cancel() }
}

/// The hubs of one `Topics`: one for each scheduler where a connection has subscribed.
final class TopicHubs: @unchecked Sendable {
    // Safety: `hubs` is touched with `lock` held.
    private let directory: TopicDirectory
    private let lock = Lock()
    // A hub holds its scheduler, so that no other can have its identifier.
    private var hubs: [ObjectIdentifier: TopicHub] = [:]

    init(_ directory: TopicDirectory) { self.directory = directory }

    func hub(of scheduler: Scheduler) -> TopicHub {
        lock.withLock {
            if let hub = hubs[ObjectIdentifier(scheduler)] { return hub }
            let hub = TopicHub(scheduler, directory)
            hubs[ObjectIdentifier(scheduler)] = hub
            return hub
        }
    }
}

/// On which schedulers members of a topic live: all that publishers, which may be anywhere, need to know.
final class TopicDirectory: Sendable {
    let counters = TopicCounters()
    private let shards = Sharded { [String: [LocalTopic]]() }

    /// The topic's part on each scheduler where it has members.
    func parts(of name: String) -> [LocalTopic] {
        shards.withTable(Sharded<[String: [LocalTopic]]>.index(of: name)) { $0[name] ?? [] }
    }

    func add(_ part: LocalTopic) {
        shards.withTable(Sharded<[String: [LocalTopic]]>.index(of: part.name)) { table in
            if table[part.name] == nil { counters.topicsChanged(by: 1) }
            table[part.name, default: []].append(part)
        }
    }

    func remove(_ part: LocalTopic) {
        shards.withTable(Sharded<[String: [LocalTopic]]>.index(of: part.name)) { table in
            table[part.name]?.removeAll { $0 === part }
            guard table[part.name]?.isEmpty == true else { return }
            table[part.name] = nil
            counters.topicsChanged(by: -1)
        }
    }
}

/// The part of a topic on one scheduler. It exists while it has members.
final class LocalTopic: @unchecked Sendable {
    // Safety: `roster` is touched by the hub's scheduler only.
    let name: String
    let hub: TopicHub
    var roster = Roster<Membership>()
    private let count = Atomic<Int>(0)

    init(_ name: String, _ hub: TopicHub) {
        self.name = name
        self.hub = hub
    }

    /// From any thread.
    var memberCount: Int { count.load(ordering: .relaxed) }

    func add(_ member: Membership) {
        roster.add(member)
        count.store(roster.count, ordering: .relaxed)
    }

    func remove(_ member: Membership) {
        roster.remove(member)
        count.store(roster.count, ordering: .relaxed)
    }
}

/// The members of one topic on one scheduler, each in a seat. While a message is handed out from seat to seat nobody
/// changes seats, so that none is passed over and none gets it twice.
struct Roster<Member: RosterMember> {
    private var seats: [Member?] = []
    private var emptySeats = 0
    private var isFixed = false

    var count: Int { seats.count - emptySeats }

    var members: [Member] { seats.compactMap(\.self) }

    /// Who has a seat, if it has not left meanwhile.
    func member(at seat: Int) -> Member? { seats[seat] }

    mutating func add(_ member: Member) {
        member.seat = seats.count
        seats.append(member)
    }

    mutating func remove(_ member: Member) {
        if isFixed {
            seats[member.seat] = nil
            emptySeats += 1
        } else if let last = seats.removeLast(), last !== member {
            seats[member.seat] = last
            last.seat = member.seat
        }
    }

    /// Keeps everyone in place until `release`.
    ///
    /// - Returns: how many seats there are. Who joins now sits behind them.
    mutating func fix() -> Int {
        isFixed = true
        return seats.count
    }

    /// Lets everyone move again, and closes the ranks.
    mutating func release() {
        isFixed = false
        guard emptySeats > 0 else { return }
        seats.removeAll { $0 == nil }
        for (seat, member) in seats.enumerated() { member?.seat = seat }
        emptySeats = 0
    }
}

/// What a roster seats; it remembers its seat, so that to leave costs the same however many there are.
protocol RosterMember: AnyObject {
    var seat: Int { get set }
}

/// One connection's subscription to one topic.
final class Membership: RosterMember {
    let topic: LocalTopic
    /// The connection as a process. It does not keep the connection alive.
    let core: ProcessCore
    /// The number of the first message that it gets.
    let since: UInt64
    var seat = 0

    init(_ topic: LocalTopic, _ core: ProcessCore, since: UInt64) {
        self.topic = topic
        self.core = core
        self.since = since
    }
}

extension ProcessCore {
    /// The connection whose process it is, while that has not ended. For the core of a connection, on its thread.
    var connection: WebSocket? {
        guard let actor else { return nil }
        // Safety: only a WebSocket subscribes.
        return unsafe unsafeDowncast(actor, to: WebSocket.self)
    }
}
