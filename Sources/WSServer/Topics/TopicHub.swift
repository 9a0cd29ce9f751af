internal import Actors
internal import DequeModule
internal import WSConnection

/// What topics are on one scheduler: who of its connections has subscribed to what, and the messages on their way to them.
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
        if turn != scheduler.turns { (turn, handedOut) = (scheduler.turns, 0) }
        while handedOut < TopicHub.membersPerTurn, let first = queue.first {
            handedOut += first.proceed(atMost: TopicHub.membersPerTurn - handedOut)
            if first.isThrough { queue.removeFirst() }
        }
        if !queue.isEmpty { scheduler.deferAction { [self] in work() } }
    }

    /// All members have had a message that somebody waits for.
    func finished(_ publication: Publication) { awaited[ObjectIdentifier(publication)] = nil }

    /// Whoever waits for members to have room waits no longer.
    func cancel(_ publication: Publication) { awaited[ObjectIdentifier(publication)]?.cancel() }
}
