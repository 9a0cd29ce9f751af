public import Actors

/// Active mode: the connection tells.
extension WebSocket {
    /// Subscribes: events come as an `AsyncStream` that pulls one at a time, so that a slow reader slows the peer.
    ///
    /// The stream ends after the event that tells of the end. Dropping it, or cancelling the task that reads it, ends
    /// the subscription: the connection turns passive, stays open, and nothing is lost.
    ///
    /// - Parameter active: how many frames become events; default: the option `active`.
    /// - Throws: `.alreadySubscribed`.
    public func subscribe(active: ActiveMode? = nil) throws(WebSocketError) -> AsyncStream<Event> {
        let puller = try makePuller(active)
        return AsyncStream { await puller.next() }
    }

    /// Subscribes as `subscribe(active:)` does, with a sequence of our own that costs less for each event.
    ///
    /// - Throws: `.alreadySubscribed`.
    public func events(active: ActiveMode? = nil) throws(WebSocketError) -> Events {
        Events(puller: try makePuller(active))
    }

    /// Subscribes a process: each event becomes one of its messages, in order with all others.
    ///
    /// The process's mailbox is not bounded by this; with `.once` or `.count` it asks for what it can take.
    ///
    /// - Parameters:
    ///   - process: whose mailbox the events enter.
    ///   - active: how many frames become events; default: the option `active`.
    ///   - adapter: makes a message of the process's kind out of an event.
    /// - Throws: `.alreadySubscribed`.
    public func subscribe<Message>(
        _ process: Process<Message>, active: ActiveMode? = nil, _ adapter: @escaping @Sendable (Event) -> Message
    ) throws(WebSocketError) {
        let sink = ProcessSink(process, adapter)
        try subscribe(.sink(sink), active)
        sink.begin(self)
    }

    /// Subscribes a bounded mailbox that many connections may share.
    ///
    /// - Throws: `.alreadySubscribed`.
    public func subscribe(_ mailbox: EventMailbox, active: ActiveMode? = nil) throws(WebSocketError) {
        let sink = MailboxSink(mailbox.storage, self)
        try subscribe(.sink(sink), active) { sink.begin(self) }
    }

    /// Subscribes anything that takes events.
    ///
    /// - Throws: `.alreadySubscribed`.
    package func subscribe(_ sink: any EventSink, active: ActiveMode?) throws(WebSocketError) {
        try subscribe(.sink(sink), active)
    }

    /// Changes the mode. Turning it on or off loses nothing and keeps the order. Once the end has been told it does
    /// nothing.
    ///
    /// - Throws: `.noSubscriber` when an active mode is asked for and nobody is subscribed.
    public func setActive(_ mode: ActiveMode) throws(WebSocketError) {
        // Who asks for more just then cannot know it yet, and has missed nothing.
        if isEndTold { return }
        if mode != .off && subscriber?.sink == nil {
            throw WebSocketError(.noSubscriber, "an active mode needs a subscriber; subscribe first")
        }
        setCredits(mode.credits)
        pumpEvents()
    }

    /// The mode: `.off` once the frames asked for have been told.
    public var activeMode: ActiveMode {
        switch credits {
        case 0: .off
        case .max: .on
        case 1: .once
        default: .count(credits)
        }
    }

    // MARK: Subscribing

    private func makePuller(_ active: ActiveMode?) throws(WebSocketError) -> EventPuller {
        let puller = EventPuller(self)
        try subscribe(.puller(WeakPuller(puller: puller)), active)
        return puller
    }

    private func subscribe(
        _ new: Subscriber, _ active: ActiveMode?, begin: () -> Void = {}
    ) throws(WebSocketError) {
        guard subscriber?.sink == nil else {
            throw WebSocketError(.alreadySubscribed, "the connection has a subscriber already")
        }
        begin()
        subscriber = new
        isEndTold = false
        setCredits((active ?? options.active).credits)
        pumpEvents()
    }

    private func setCredits(_ new: Int) {
        credits = new
        if new > 0 {
            failReceivers(WebSocketError(.activeMode, "the connection was made active; frames go to the subscriber"))
        }
    }

    /// Ends the subscription, if it is still the one meant.
    func unsubscribe(_ sink: any EventSink) {
        guard let current = subscriber?.sink, current === sink else { return }
        unsubscribe()
    }

    func unsubscribe() {
        let sink = subscriber?.sink
        subscriber = nil
        credits = 0
        sink?.end()
    }

    /// A subscriber goes away with frames that nobody saw: they come before those that wait.
    func takeBack(_ frames: [Frame], from sink: any EventSink) {
        inbound.prepend(frames)
        unsubscribe(sink)
    }

    // MARK: Telling

    /// Offers to the subscriber what there is for it.
    func pumpEvents() {
        guard !isPumping, let sink = subscriber?.sink else { return }
        isPumping = true
        defer { isPumping = false }
        while let event = nextEvent {
            switch sink.offer(event) {
            case .taken: eventTaken(event)
            case .notNow: return
            case .gone: return unsubscribe()
            }
        }
    }

    /// The event that is due, if any: the next frame while the mode allows, then the end.
    var nextEvent: Event? {
        if credits > 0 {
            if inbound.isEmpty { refillIfNeeded() }
            if let frame = inbound.first { return .frame(self, frame) }
        }
        guard let endReached, !isEndTold, inbound.isEmpty, backlog.isEmpty else { return nil }
        switch endReached {
        case .closed(let close, _): return .closed(self, close)
        case .failed(let error): return .failed(self, error)
        }
    }

    func eventTaken(_ event: Event) {
        guard case .frame = event else {
            isEndTold = true
            return unsubscribe()
        }
        _ = inbound.popFirst()
        if credits != .max { credits -= 1 }
        if inbound.isEmpty { refillIfNeeded() }
    }
}
