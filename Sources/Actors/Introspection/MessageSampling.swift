internal import DequeModule

/// What is being measured of the messages of one process, as a value.
///
/// Nothing is written down for messages at large. Once in so many, a process is chosen that is about to take one: how
/// long its body handles that is measured, and then, how long a message waits there. Meanwhile its mailbox is not plain,
/// which costs each message some nanoseconds; all others stay as they were.
///
/// That a message has been handled is the moment at which to look for the wait: what is there then is, over many looks, what
/// those find that come. If nothing waits, the next message that comes is measured itself, so that the time in the run queue
/// counts. If something does, it is measured how long it takes until all that is there has been taken. The one that comes
/// next would not do: messages come in bursts, and it is as a rule the first of its own, which waits least.
struct MessageMarks {
    /// So many waits are measured at a time.
    static let mostWaits = 256

    /// Since when the body handles the message that was chosen.
    private(set) var handledSince: UInt64?
    /// Whether the next message that arrives is to be measured.
    private(set) var isExpecting = false
    /// A message waits at the place, or would if it had come then. The places ascend.
    private(set) var waits = Deque<(at: Int, since: UInt64)>()

    var isEmpty: Bool { handledSince == nil && !isExpecting && waits.isEmpty }

    /// The message that is taken now was chosen.
    mutating func choose(at now: UInt64) {
        if handledSince == nil { handledSince = now }
    }

    /// The body asks for a message, and so is done with the last.
    ///
    /// - Parameters:
    ///   - end: the place that the next message to arrive will have.
    ///   - isIdle: whether no message waits.
    mutating func asked(at now: UInt64, end: Int, isIdle: Bool, _ sampler: MessageSampler?) {
        if isIdle {
            for wait in waits { sampler?.add(wait: now &- wait.since) }
            waits = []
        }
        guard let since = handledSince else { return }
        handledSince = nil
        sampler?.add(handling: now &- since)
        if isIdle {
            isExpecting = true
        } else if waits.count < MessageMarks.mostWaits {
            waits.append((end, now))
        }
    }

    /// A message has come to its place.
    mutating func arrived(at now: UInt64, place: Int) {
        guard isExpecting else { return }
        isExpecting = false
        waits.append((place, now))
    }

    /// The message at the place is taken.
    mutating func taken(at now: UInt64, place: Int, _ sampler: MessageSampler?) {
        // It was chosen when the body asked; it may have been found only now.
        if handledSince != nil { handledSince = now }
        while let first = waits.first, first.at == place {
            waits.removeFirst()
            sampler?.add(wait: now &- first.since)
        }
    }

    /// The message at the place is gone, and others have moved for that.
    mutating func removed(_ place: Int, _ moved: (Int) -> Int) {
        if waits.isEmpty { return }
        // One that was dropped was never taken.
        waits.removeAll { $0.at == place }
        for index in waits.indices { waits[index].at = moved(waits[index].at) }
    }

    /// The places mean other messages now.
    mutating func forgetWaits() { waits = [] }
}

/// Which messages of one scheduler are measured, and what came of it until somebody asks.
///
/// One in so many of those that are taken, at distances that chance varies. Its store is bounded: when it is full, every
/// second figure is left out, and from then on every second message.
package final class MessageSampler {
    /// The most figures of a kind between two readings.
    package static let room = 1_024
    /// One in so many.
    private let interval: Int
    /// By how much fewer, because the store has been full.
    private var thinning = 1
    private var random: UInt64 = 0x9E37_79B9_7F4A_7C15
    private var waits: [UInt64] = []
    private var handlings: [UInt64] = []

    package init(oneIn interval: Int) { self.interval = min(max(interval, 1), 1 << 40) }

    /// How many messages it is until the next that is measured: on average one interval, at least one.
    func distance() -> Int {
        let mean = interval * thinning
        if mean == 1 { return 1 }
        // Xorshift: so that no rhythm of the program's agrees with that of the samples.
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        return mean / 2 + Int(random % UInt64(mean + 1))
    }

    /// How long a message has waited in its mailbox, in nanoseconds.
    func add(wait: UInt64) {
        waits.append(wait)
        thinOut()
    }

    /// How long a body has handled a message.
    func add(handling: UInt64) {
        handlings.append(handling)
        thinOut()
    }

    private func thinOut() {
        guard max(waits.count, handlings.count) >= MessageSampler.room else { return }
        waits = MessageSampler.everySecond(of: waits)
        handlings = MessageSampler.everySecond(of: handlings)
        if thinning < 1 << 20 { thinning *= 2 }
    }

    private static func everySecond(of figures: [UInt64]) -> [UInt64] {
        stride(from: 0, to: figures.count, by: 2).map { figures[$0] }
    }

    /// What was measured since the last time, in nanoseconds.
    func takeAll() -> (waits: [UInt64], handlings: [UInt64]) {
        defer {
            waits = []
            handlings = []
            thinning = 1
        }
        return (waits, handlings)
    }
}

extension Scheduler {
    /// Measures one message in so many from now on; `nil`: none. For its own thread.
    package func measureMessages(oneIn interval: Int?) {
        sampler = interval.map { MessageSampler(oneIn: $0) }
        untilSample = sampler?.distance() ?? .max
    }
}

extension ProcessHost {
    /// Only what has a mailbox is measured.
    package func measureNext() {}
}

/// What the way of messages through the mailbox tells, while some are measured.
extension Process {
    package nonisolated func measureNext() {
        onOwnThread { me in
            guard me.isOpen else { return }
            me.withMarks(me.makeSpecial()) { $0.choose(at: $1) }
        }
    }

    /// The body asks for a message, or has returned.
    func noteAsked() {
        guard let special, special.marks != nil else { return }
        let (end, isIdle, sampler) = (queue.end, queue.isEmpty, core.scheduler.sampler)
        withMarks(special) { $0.asked(at: $1, end: end, isIdle: isIdle, sampler) }
    }

    /// A message has come to the end of the queue.
    func noteArrived() {
        guard let special, special.marks?.isExpecting == true else { return }
        let place = queue.end &- 1
        withMarks(special) { $0.arrived(at: $1, place: place) }
    }

    /// The body takes the message at `place`.
    func noteTaken(from place: Int) {
        guard let special, special.marks != nil else { return }
        let sampler = core.scheduler.sampler
        withMarks(special) { $0.taken(at: $1, place: place, sampler) }
    }

    private func withMarks(_ special: Special, _ change: (inout MessageMarks, UInt64) -> Void) {
        var marks = special.marks ?? MessageMarks()
        special.marks = nil
        change(&marks, core.scheduler.time.nanoseconds)
        isMeasured = !marks.isEmpty
        if isMeasured { special.marks = marks }
        updatePlainness()
    }
}
