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
    /// The process's mailbox is not bounded by this; with `.once` or `.count` it asks for what it can take. A mailbox
    /// that is bounded, by `.suspend`, `.fail` or `.dropNewest`, takes a frame when there is room for it; until then
    /// the connection keeps it, and in the end reads no more. By `.dropOldest` it makes room, and by `.kill` the
    /// process ends, as with any message. The end is told however full it is.
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
        try checkMayBeActive(mode)
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

    /// Ends the subscription: the connection turns passive and stays open, and somebody else can subscribe.
    ///
    /// Nothing is lost, and the order is kept: what waits in an `EventMailbox` comes back, in front of what arrives
    /// from now on; a stream of events ends. What has become a message of a process stays there, unless it is taken
    /// back with `unsubscribe(_:_:)`. Without a subscriber it does nothing.
    public func unsubscribe() {
        let keeper = subscriber?.keeper
        endSubscription()
        if let keeper { takeBack(from: keeper) }
    }

    /// Ends the subscription of a process, and takes back what waits in its mailbox unread: the connection is then as
    /// if that had never been told, and another can subscribe and miss nothing.
    ///
    /// Does nothing while somebody else is subscribed. While it goes on, nobody is told anything.
    ///
    ///     await ws.unsubscribe(me) { if case .socket(let event) = $0 { event } else { nil } }
    ///     try await ws.transfer(to: heir, active: .on) { .socket($0) }
    ///
    /// (OTP: what `gen_tcp:controlling_process/2` does with the messages of its caller.)
    ///
    /// - Parameters:
    ///   - process: who is subscribed, or was until it was told of the end.
    ///   - event: what `subscribe` made a message of. It looks at each waiting message once, on the process's thread.
    public func unsubscribe<Message>(
        _ process: Process<Message>, _ event: @escaping @Sendable (Message) -> Event?
    ) async {
        if let sink = subscriber?.sink, (sink as? ProcessSink<Message>)?.process !== process { return }
        let credits = credits
        endSubscription()
        let noReception = NoReception()
        // Nobody may come between: the frames that come back stand in front of all others.
        subscriber = .sink(noReception)
        self.credits = Swift.max(credits, 1)
        let unread = await process.withdraw { [self] message -> Event? in
            guard let event = event(message), event.connection === self else { return nil }
            return event
        }
        endSubscription(noReception)
        putBack(unread.compactMap { if case .frame(_, let frame) = $0 { frame } else { nil } })
    }

    /// Gives the connection to a process that is told what arrives: who was subscribed before is not any more. Nothing
    /// is lost, and the order is kept, as `unsubscribe` says.
    ///
    /// - Parameters:
    ///   - process: who owns the connection from now on: the end of the process ends it. If the process has ended
    ///     already, the connection is closed with 1001.
    ///   - active: how many frames become events; default: the mode as it is.
    ///   - adapter: makes a message of the process's kind out of an event.
    /// - Throws: `.misuse` for an active mode on a connection that receives in pieces.
    public func transfer<Message>(
        to process: Process<Message>, active: ActiveMode? = nil, _ adapter: @escaping @Sendable (Event) -> Message
    ) throws(WebSocketError) {
        let mode = active ?? activeMode
        try checkMayBeActive(mode)
        unsubscribe()
        setOwner(process.core)
        try subscribe(process, active: mode, adapter)
    }

    // MARK: Subscribing

    /// - Throws: `.misuse` if this connection cannot be active.
    private func checkMayBeActive(_ mode: ActiveMode) throws(WebSocketError) {
        guard options.receivesInPieces, mode != .off else { return }
        throw WebSocketError(
            .misuse, "the connection receives in pieces, which are no events; take messages with recvStream")
    }

    private func makePuller(_ active: ActiveMode?) throws(WebSocketError) -> EventPuller {
        let puller = EventPuller(self)
        try subscribe(.puller(WeakPuller(puller)), active)
        return puller
    }

    private func subscribe(
        _ new: Subscriber, _ active: ActiveMode?, begin: () -> Void = {}
    ) throws(WebSocketError) {
        try checkMayBeActive(active ?? options.active)
        guard subscriber?.sink == nil else {
            throw WebSocketError(.alreadySubscribed, "the connection has a subscriber already")
        }
        begin()
        subscriber = new
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
    func endSubscription(_ sink: any EventSink) {
        guard let current = subscriber?.sink, current === sink else { return }
        endSubscription()
    }

    func endSubscription() {
        let sink = subscriber?.sink
        subscriber = isEndTold ? .told(nil) : nil
        credits = 0
        sink?.end()
    }

    /// What nobody has read comes before what waits. An end among it is to be told again.
    private func takeBack(from keeper: any EventSink) {
        subscriber = nil
        putBack(keeper.takeBackUnread(of: self))
    }

    /// Puts frames that had been taken in front of all others; who waits gets the first of them.
    private func putBack(_ frames: [Frame]) {
        inbound.prepend(frames)
        defer { account() }
        while let frame = inbound.first {
            if let message = frame.message, deliverToStream(message) {
                _ = inbound.popFirst()
            } else if let receiver = receivers.popFirst(wanting: frame) {
                _ = inbound.popFirst()
                resume(receiver, with: frame)
            } else if receivers.isEmpty {
                return
            } else {
                // A `recv` that waits passes it over.
                _ = inbound.popFirst()
            }
        }
    }

    /// A mailbox is dropped that may have been told of frames which nobody saw.
    func mailboxIsGone(_ storage: EventMailbox.Storage) {
        guard let sink = subscriber?.keeper as? MailboxSink, sink.storage === storage else { return }
        unsubscribe()
    }

    // MARK: Telling

    /// Whether the subscriber was told of the end, and nobody has taken that back.
    private var isEndTold: Bool { if case .told = subscriber { true } else { false } }

    /// Offers to the subscriber what there is for it.
    func pumpEvents() {
        guard !isPumping, let sink = subscriber?.sink else { return }
        isPumping = true
        defer { isPumping = false }
        while let event = nextEvent {
            switch sink.offer(event) {
            case .taken: eventTaken(event)
            case .notNow: return
            case .gone: return endSubscription()
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
            let keeper = subscriber?.keeper
            endSubscription()
            subscriber = .told(keeper)
            return
        }
        _ = inbound.popFirst()
        accountTaken()
        if credits != .max { credits -= 1 }
        if inbound.isEmpty { refillIfNeeded() }
    }
}

/// Where a connection in active mode takes its events.
package protocol EventSink: AnyObject {
    /// Offers an event, on the connection's thread.
    func offer(_ event: WebSocket.Event) -> EventReception

    /// Nobody will take events any more: the connection ended the subscription.
    func end()

    /// Gives back, in order, the frames that were taken and that nobody has read. Forgets an end that nobody has read
    /// too.
    func takeBackUnread(of connection: WebSocket) -> [WebSocket.Frame]

    /// Whether it takes events before anybody reads them, and can give them back.
    var keepsUnread: Bool { get }
}

extension EventSink {
    package func takeBackUnread(of connection: WebSocket) -> [WebSocket.Frame] { [] }

    package var keepsUnread: Bool { false }
}

/// What became of an event that was offered.
package enum EventReception {
    case taken
    /// Not now: the sink will ask the connection when it is ready (`pumpEvents`).
    case notNow
    /// Never again: the subscriber is gone.
    case gone
}

/// Who is subscribed to a connection.
enum Subscriber {
    /// Someone who pulls, holds the connection, and ends the subscription by going away.
    case puller(WeakPuller)
    /// Someone to whom events are handed.
    case sink(any EventSink)
    /// Nobody any more: the end was told. But it, and frames before it, may still wait there to be read, if somewhere.
    case told((any EventSink)?)

    var sink: (any EventSink)? {
        switch self {
        case .puller(let weak): weak.puller
        case .sink(let sink): sink
        case .told: nil
        }
    }

    /// Who may still keep what nobody has read.
    var keeper: (any EventSink)? {
        switch self {
        case .puller: nil
        case .sink(let sink): sink.keepsUnread ? sink : nil
        case .told(let keeper): keeper
        }
    }
}

/// Stands in for a subscriber while delivery is being moved: frames wait.
final class NoReception: EventSink {
    func offer(_ event: WebSocket.Event) -> EventReception { .notNow }

    func end() {}
}

/// An object of its own: a weak reference within the connection would have it asked for by way of the runtime, for each
/// message, whether there is a subscriber.
final class WeakPuller {
    weak var puller: EventPuller?

    init(_ puller: EventPuller) { self.puller = puller }
}
