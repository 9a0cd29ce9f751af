internal import Actors
internal import Synchronization
internal import WSConnection
internal import WSProtocol

/// A message on its way to the members of a topic, on however many schedulers. It is encoded once, and compressed once
/// for each way in which some of them have agreed to.
final class Publication: @unchecked Sendable {
    // Safety: `compressed`, `open`, `total`, `whenDone` and `awaited` are touched with `lock` held.
    let plain: EncodedMessage
    /// Who does not get it.
    let except: ProcessCore?
    let slowReaders: Topics.SlowReaders
    /// How long it waits for members to have room; zero: not at all.
    let patience: Duration
    let counters: TopicCounters
    private let message: WebSocket.Message
    private let cost: Int
    private let isCancelledFlag = Atomic<Bool>(false)

    private let lock = Lock()
    private var compressed: [CompressionOptions: EncodedMessage] = [:]
    /// On how many schedulers it is under way.
    private var open = 0
    private var total = Topics.Delivery()
    private var whenDone: ((Topics.Delivery) -> Void)?

    /// What a message counts for while it is on its way: its bytes, and a sum for what carries it.
    static func cost(of message: WebSocket.Message) -> Int { message.byteCount + 1024 }

    /// - Parameter cost: what has been reserved for it, to be given back when it is gone.
    init(
        _ message: WebSocket.Message, cost: Int, except: ProcessCore?, _ slowReaders: Topics.SlowReaders,
        waiting patience: Duration = .zero, _ counters: TopicCounters
    ) {
        self.message = message
        self.cost = cost
        self.except = except
        self.slowReaders = slowReaders
        self.patience = patience
        self.counters = counters
        plain = EncodedMessage(message)
        counters.encoded()
    }

    deinit { counters.release(cost) }

    /// Whether somebody waits for what becomes of it.
    private var awaited = false
    var isAwaited: Bool { lock.withLock { awaited } }

    var isCancelled: Bool { isCancelledFlag.load(ordering: .sequentiallyConsistent) }

    /// Sends it on its way: one post for each scheduler.
    ///
    /// - Parameter whenDone: is told once what became of it, on some thread.
    func begin(in parts: [LocalTopic], whenDone: ((Topics.Delivery) -> Void)?) {
        lock.withLock {
            awaited = whenDone != nil
            self.whenDone = whenDone
            open = parts.count
        }
        for part in parts { part.hub.scheduler.run { [self] in part.hub.accept(self, for: part) } }
    }

    /// Nobody waits for members to have room any more, on any scheduler. From any thread, before it has begun too.
    func cancel(in parts: [LocalTopic]) {
        isCancelledFlag.store(true, ordering: .sequentiallyConsistent)
        for part in parts { part.hub.scheduler.runLater { [self] in part.hub.cancel(self) } }
    }

    /// The message as a connection that compresses so can send it. Whoever comes first makes it; the others wait for
    /// that.
    func compressed(with options: CompressionOptions) -> EncodedMessage {
        guard message.byteCount >= options.threshold else { return plain }
        return lock.withLock {
            if let known = compressed[options] { return known }
            let made = EncodedMessage(message, compression: options)
            compressed[options] = made
            counters.encoded()
            return made
        }
    }

    /// What became of it on one scheduler.
    func finished(_ part: Topics.Delivery) {
        let tell = lock.withLock { () -> (() -> Void)? in
            guard awaited else { return nil }
            total += part
            open -= 1
            guard open == 0, let whenDone else { return nil }
            self.whenDone = nil
            return { [total] in whenDone(total) }
        }
        tell?()
    }
}

/// A message's way from seat to seat through the members of a topic on one scheduler.
final class HandOut: @unchecked Sendable {
    // Safety: touched by the hub's scheduler only, where the members live too.
    private let publication: Publication
    /// Who has joined later does not get it.
    private let number: UInt64
    private let topic: LocalTopic
    private let scheduler: Scheduler
    private let acceptedAt: UInt64
    private var next = 0
    private var end: Int?
    private var delivery = Topics.Delivery()

    // The members that have no room, while they are waited for.
    private var waiting: [UInt64: ProcessCore] = [:]
    private var alarm: Alarm?
    private var isPatienceOver: Bool

    /// The message as the last member that compresses got it: the next one most likely gets the same.
    private var lastCompressed: (options: CompressionOptions, message: EncodedMessage)?

    init(_ publication: Publication, number: UInt64, _ topic: LocalTopic) {
        self.publication = publication
        self.number = number
        self.topic = topic
        scheduler = topic.hub.scheduler
        acceptedAt = scheduler.time.nanoseconds
        isPatienceOver = publication.patience <= .zero
    }

    /// Whether every member has had its turn.
    var isThrough: Bool { next == end }

    /// Goes on, at most so many seats.
    ///
    /// - Returns: how many it went; one without members counts as one, since it is some work too.
    func proceed(atMost budget: Int) -> Int {
        let end = end ?? begin()
        let start = next
        while next < end, next - start < budget {
            let member = topic.roster.member(at: next)
            next += 1
            if let member, member.since <= number { hand(to: member.core) }
        }
        if isThrough {
            topic.roster.release()
            checkFinished()
        }
        return max(1, next - start)
    }

    private func begin() -> Int {
        let seats = topic.roster.fix()
        end = seats
        return seats
    }

    private func hand(to core: ProcessCore) {
        guard core !== publication.except, let connection = core.connection else { return }
        connection.onOwnThread { self.hand(to: $0) }
    }

    private func hand(to connection: isolated WebSocket) {
        let message = message(for: connection)
        switch connection.trySend(message) {
        case .sent: delivery.delivered += 1
        case .full: if mayWait { wait(for: connection, message) } else { isTooSlow(connection) }
        case .closed: break
        }
    }

    private func message(for connection: isolated WebSocket) -> EncodedMessage {
        guard let options = connection.sharedCompression else { return publication.plain }
        if let last = lastCompressed, last.options == options { return last.message }
        let message = publication.compressed(with: options)
        lastCompressed = (options, message)
        return message
    }

    private func isTooSlow(_ connection: isolated WebSocket) {
        switch publication.slowReaders {
        case _ where publication.isCancelled: delivery.dropped += 1
        case .dropMessage: delivery.dropped += 1
        case .dropConnection:
            connection.beginClose(.tryAgainLater, "too slow for what is published")
            delivery.connectionsDropped += 1
        }
    }

    // MARK: Waiting for room

    private var mayWait: Bool { !isPatienceOver && !publication.isCancelled }

    private func wait(for connection: isolated WebSocket, _ message: EncodedMessage) {
        let id = ProcessCore.nextID()
        waiting[id] = connection.core
        connection.sendWhenRoom(message, id: id) { [self] result in
            // Not one whose time is over: that is dealt with at `endPatience`.
            guard waiting.removeValue(forKey: id) != nil else { return }
            if case .success = result { delivery.delivered += 1 }
            checkFinished()
        }
        guard alarm == nil else { return }
        let alarm = Alarm { [self] in endPatience() }
        self.alarm = alarm
        scheduler.arm(alarm, at: acceptedAt &+ publication.patience.clampedNanoseconds)
    }

    /// The publisher was cancelled.
    func cancel() { endPatience() }

    private func endPatience() {
        isPatienceOver = true
        let slow = waiting
        waiting = [:]
        for (id, core) in slow {
            core.connection?.onOwnThread { connection in
                connection.stopWaiting(id)
                self.isTooSlow(connection)
            }
        }
        checkFinished()
    }

    private func checkFinished() {
        guard isThrough, waiting.isEmpty else { return }
        if let alarm {
            scheduler.disarm(alarm)
            alarm.action = {}
        }
        alarm = nil
        publication.counters.count(delivery)
        topic.hub.finished(publication)
        publication.finished(delivery)
    }
}
