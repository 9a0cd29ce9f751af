internal import Actors
internal import WSConnection

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
