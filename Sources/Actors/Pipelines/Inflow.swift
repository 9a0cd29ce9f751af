internal import DequeModule

/// What a consumer has asked for, been handed and not handled yet, as a value. (GenStage: `max_demand`, `min_demand`.)
///
/// Of each producer, what was asked for and is not handled never exceeds `max`. When no more than `min` of it is left
/// the consumer asks again, for as much as is missing; it handles no more at once than lies between the two, so that
/// the producer works while it does.
struct Inflow<Event: Sendable> {
    typealias ID = UInt64

    /// How much a subscription may have under way, and what it means to the consumer.
    struct Terms: Sendable, Hashable {
        let max: Int
        let min: Int
        let kind: SubscriptionKind

        init(max: Int, min: Int?, _ kind: SubscriptionKind) {
            // So that sums of any number of them are numbers.
            self.max = Swift.min(Swift.max(max, 1), Int(Int32.max))
            self.min = Swift.min(Swift.max(min ?? self.max / 2, 0), self.max - 1)
            self.kind = kind
        }
    }

    private struct Source {
        let terms: Terms
        /// How many were asked for and are not handled.
        var pending: Int
        /// How many it has been handed and has not handled.
        var unhandled = 0
    }

    /// What is to be done when a producer is there no more.
    enum Verdict: Hashable {
        case goOn
        /// The consumer ends with it.
        case end
    }

    /// Whether it asks: what stands between two others does once somebody has asked it.
    private(set) var isAwake: Bool
    private var sources: [ID: Source] = [:]
    /// Of those that were cancelled: what it was handed before.
    private var leftovers: [ID: Int] = [:]
    private var batches = Deque<(id: ID, events: [Event], next: Int)>()
    /// How many of the subscriptions that it lives for are left, and whether the producer of one has finished.
    private var permanents = 0
    private var hasFinished = false
    /// How many events it was handed and has not handled.
    private(set) var unhandled = 0

    init(isAwake: Bool = true) { self.isAwake = isAwake }

    /// How many were asked for and are not handled.
    var pending: Int { sources.values.reduce(0) { $0 + $1.pending } }

    /// Whether the last that it lives for has been produced.
    var isLastProduced: Bool { hasFinished && permanents == 0 }

    /// Subscribes.
    ///
    /// - Returns: how many to ask for, if it asks yet.
    mutating func add(_ id: ID, _ terms: Terms) -> Int? {
        sources[id] = Source(terms: terms, pending: isAwake ? terms.max : 0)
        if terms.kind == .permanent { permanents += 1 }
        return isAwake ? terms.max : nil
    }

    /// Somebody wants something: from now on it asks.
    ///
    /// - Returns: whom to ask for how many.
    mutating func wake() -> [(id: ID, count: Int)] {
        isAwake = true
        sources = sources.mapValues { source in
            var source = source
            source.pending = source.terms.max
            return source
        }
        return sources.map { ($0.key, $0.value.pending) }
    }

    /// Events have come. From a producer that is subscribed to no more they are not taken.
    mutating func receive(_ id: ID, _ events: [Event]) {
        guard sources[id] != nil, !events.isEmpty else { return }
        sources[id]?.unhandled += events.count
        unhandled += events.count
        batches.append((id, events, 0))
    }

    /// Takes what is to be handled next, `most` at most.
    mutating func next(atMost most: Int) -> (id: ID, events: [Event])? {
        guard most > 0, let batch = batches.first else { return nil }
        let terms = sources[batch.id]?.terms
        let count = min(most, terms.map { $0.max - $0.min } ?? .max, batch.events.count - batch.next)
        if count == batch.events.count {
            batches.removeFirst()
            return (batch.id, batch.events)
        }
        let events = Array(batch.events[batch.next..<batch.next + count])
        if batch.next + count == batch.events.count {
            batches.removeFirst()
        } else {
            batches[batches.startIndex].next += count
        }
        return (batch.id, events)
    }

    /// Events were handled.
    ///
    /// - Returns: how many to ask for, if that is due.
    mutating func handled(_ id: ID, _ count: Int) -> Int? {
        guard var source = sources[id] else {
            let left = leftovers[id] ?? 0
            unhandled -= min(count, left)
            leftovers[id] = left > count ? left - count : nil
            return nil
        }
        unhandled -= count
        source.unhandled -= count
        source.pending -= count
        defer { sources[id] = source }
        guard source.pending <= source.terms.min else { return nil }
        let more = source.terms.max - source.pending
        source.pending = source.terms.max
        return more
    }

    /// A producer has produced its last: what it has handed over is still handled.
    mutating func finished(_ id: ID) {
        if remove(id)?.kind == .permanent { hasFinished = true }
    }

    /// A producer has ended, or will not have the consumer.
    mutating func ended(_ id: ID, isOrderly: Bool) -> Verdict {
        guard let terms = remove(id) else { return .goOn }
        switch terms.kind {
        case .permanent: return .end
        case .transient: return isOrderly ? .goOn : .end
        case .temporary: return .goOn
        }
    }

    /// The consumer wants no more of a producer. What it was handed it still handles.
    mutating func cancel(_ id: ID) { _ = remove(id) }

    private mutating func remove(_ id: ID) -> Terms? {
        guard let source = sources.removeValue(forKey: id) else { return nil }
        if source.unhandled > 0 { leftovers[id] = source.unhandled }
        if source.terms.kind == .permanent { permanents -= 1 }
        return source.terms
    }
}
