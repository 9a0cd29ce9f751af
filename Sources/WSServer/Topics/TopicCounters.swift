internal import Synchronization

/// What all topics of one `Topics` count, from any thread: once for a message and scheduler, never for a member.
final class TopicCounters: Sendable {
    private let topics = Atomic<Int>(0)
    private let members = Atomic<Int>(0)
    private let publishedCount = Atomic<Int>(0)
    private let refusedCount = Atomic<Int>(0)
    private let delivered = Atomic<Int>(0)
    private let dropped = Atomic<Int>(0)
    private let connectionsDropped = Atomic<Int>(0)
    private let encodings = Atomic<Int>(0)
    /// What is on its way from publishers to connections.
    private let pendingBytes = Atomic<Int>(0)

    func topicsChanged(by count: Int) { topics.wrappingAdd(count, ordering: .relaxed) }
    func membersChanged(by count: Int) { members.wrappingAdd(count, ordering: .relaxed) }
    func published() { publishedCount.wrappingAdd(1, ordering: .relaxed) }
    func refused() { refusedCount.wrappingAdd(1, ordering: .relaxed) }
    func encoded() { encodings.wrappingAdd(1, ordering: .relaxed) }

    func count(_ delivery: Topics.Delivery) {
        if delivery.delivered > 0 { delivered.wrappingAdd(delivery.delivered, ordering: .relaxed) }
        if delivery.dropped > 0 { dropped.wrappingAdd(delivery.dropped, ordering: .relaxed) }
        if delivery.connectionsDropped > 0 {
            connectionsDropped.wrappingAdd(delivery.connectionsDropped, ordering: .relaxed)
        }
    }

    func reserve(_ bytes: Int) { pendingBytes.wrappingAdd(bytes, ordering: .relaxed) }

    /// Takes room for a message that is to be on its way. Whether there was any; alone on its way, every message has.
    func reserve(_ bytes: Int, atMost limit: Int) -> Bool {
        let before = pendingBytes.wrappingAdd(bytes, ordering: .relaxed).oldValue
        // Compared so that no limit can overflow.
        if before == 0 || bytes <= limit && before <= limit - bytes { return true }
        release(bytes)
        return false
    }

    func release(_ bytes: Int) { pendingBytes.wrappingSubtract(bytes, ordering: .relaxed) }

    /// Bytes on their way.
    var pending: Int { pendingBytes.load(ordering: .relaxed) }

    var statistics: Topics.Statistics {
        var statistics = Topics.Statistics()
        statistics.topics = topics.load(ordering: .relaxed)
        statistics.members = members.load(ordering: .relaxed)
        statistics.published = publishedCount.load(ordering: .relaxed)
        statistics.refused = refusedCount.load(ordering: .relaxed)
        statistics.delivered = delivered.load(ordering: .relaxed)
        statistics.dropped = dropped.load(ordering: .relaxed)
        statistics.connectionsDropped = connectionsDropped.load(ordering: .relaxed)
        statistics.encodings = encodings.load(ordering: .relaxed)
        return statistics
    }
}
