internal import Actors
internal import DequeModule

/// A bounded mailbox for the events of many connections.
///
///     let mailbox = EventMailbox(capacity: 256)
///     try await first.subscribe(mailbox, active: .on)
///     try await second.subscribe(mailbox, active: .on)
///     for await event in mailbox { ... }
///
/// When it is full, connections keep what they have and, once they can hold no more, stop reading their sockets. It
/// never ends by itself. It holds its connections; when it is dropped they turn passive, and get back what was not
/// read. So does one connection that is unsubscribed or transferred.
public final class EventMailbox: AsyncSequence, Sendable {
    let storage: Storage

    /// - Parameter capacity: events that may wait; default 1,024.
    public init(capacity: Int = 1024) { storage = Storage(capacity: Swift.max(capacity, 1)) }

    deinit { storage.close() }

    /// Reads from this mailbox. Several iterators may read at once: each event goes to one of them.
    public func makeAsyncIterator() -> Iterator { Iterator(mailbox: self) }

    /// Takes the next event, waiting for one; `nil` when the task was cancelled.
    public func next() async -> WebSocket.Event? { await storage.next() }

    /// How many connections wait for room in it.
    package var waitingConnectionCount: Int { storage.waitingConnectionCount }

    /// Reads events from a mailbox, and holds it meanwhile.
    public struct Iterator: AsyncIteratorProtocol {
        let mailbox: EventMailbox

        /// Takes the next event, waiting for one; `nil` when the task was cancelled.
        public mutating func next() async -> WebSocket.Event? { await mailbox.next() }

        /// Takes the next event, as `next()` does. `for await` calls this one, from whatever actor it runs on.
        public mutating func next(isolation actor: isolated (any Actor)?) async -> WebSocket.Event? {
            await mailbox.next()
        }
    }

    final class Storage: @unchecked Sendable {
        // Safety: every var is touched with `lock` held; continuations are resumed outside it.
        private let lock = Lock()
        private let capacity: Int
        private var events = Deque<WebSocket.Event>()
        private var readers: [(id: UInt64, continuation: CheckedContinuation<WebSocket.Event?, Never>)] = []
        private var members: [ObjectIdentifier: Member] = [:]
        private var waitingForRoom: [ObjectIdentifier] = []
        private var isClosed = false

        /// A connection that is subscribed. It is held here, so that none goes while it has someone to tell: an event
        /// of a connection on its way out would outlive it.
        private struct Member {
            let connection: WebSocket
            /// By which of its subscriptions.
            let subscription: UInt64
            var waitsForRoom = false
        }

        init(capacity: Int) { self.capacity = capacity }

        func offer(_ event: WebSocket.Event) -> EventReception {
            let (reception, reader) = lock.withLock {
                () -> (EventReception, CheckedContinuation<WebSocket.Event?, Never>?) in
                // The connection will hear from `close`, which gives back what comes before this.
                if isClosed { return (.notNow, nil) }
                if !readers.isEmpty { return (.taken, readers.removeFirst().continuation) }
                if events.count >= capacity {
                    waitForRoom(ObjectIdentifier(event.connection))
                    return (.notNow, nil)
                }
                events.append(event)
                return (.taken, nil)
            }
            reader?.resume(returning: event)
            return reception
        }

        private func waitForRoom(_ id: ObjectIdentifier) {
            guard members[id]?.waitsForRoom == false else { return }
            members[id]?.waitsForRoom = true
            waitingForRoom.append(id)
        }

        /// Those who waited for room, and do so no more.
        private func takeWaiting() -> [WebSocket] {
            defer { waitingForRoom = [] }
            return waitingForRoom.compactMap { id in
                members[id]?.waitsForRoom = false
                return members[id]?.connection
            }
        }

        var waitingConnectionCount: Int { lock.withLock { waitingForRoom.count } }

        func join(_ connection: WebSocket, by subscription: UInt64) {
            let id = ObjectIdentifier(connection)
            lock.withLock {
                let waits = members[id]?.waitsForRoom ?? false
                members[id] = Member(connection: connection, subscription: subscription, waitsForRoom: waits)
            }
        }

        /// A subscription ends; another one of the same connection, which has begun meanwhile, does not.
        func leave(_ id: ObjectIdentifier, by subscription: UInt64) {
            // Let go of outside the lock: it may be the last reference.
            let left = lock.withLock { () -> Member? in
                guard members[id]?.subscription == subscription else { return nil }
                waitingForRoom.removeAll { $0 == id }
                return members.removeValue(forKey: id)
            }
            withExtendedLifetime(left) {}
        }

        func next(isolation: isolated (any Actor)? = #isolation) async -> WebSocket.Event? {
            let id = ProcessCore.nextID()
            return await withTaskCancellationHandler {
                // A closure that names it stays on the caller's thread; without it this one would run on the global
                // pool.
                _ = isolation
                return await withCheckedContinuation { take(id, $0) }
            } onCancel: {
                cancel(id)
            }
        }

        private enum Step {
            case give(WebSocket.Event?, roomFor: [WebSocket])
            case wait
        }

        private func take(_ id: UInt64, _ continuation: CheckedContinuation<WebSocket.Event?, Never>) {
            let step = lock.withLock { () -> Step in
                guard let event = events.popFirst() else {
                    if Task.isCancelled { return .give(nil, roomFor: []) }
                    readers.append((id, continuation))
                    return .wait
                }
                // Half empty: so many wake-ups at once are worth their while.
                guard events.count <= capacity / 2 else { return .give(event, roomFor: []) }
                return .give(event, roomFor: takeWaiting())
            }
            guard case .give(let event, let waiting) = step else { return }
            continuation.resume(returning: event)
            pump(waiting)
        }

        /// Takes out what nobody has read of one connection.
        func takeBack(_ connection: WebSocket) -> [WebSocket.Frame] {
            let (unread, waiting) = lock.withLock { () -> ([WebSocket.Event], [WebSocket]) in
                if !events.contains(where: { $0.connection === connection }) { return ([], []) }
                let all = events
                events = Deque(all.lazy.filter { $0.connection !== connection })
                let waiting = events.count <= capacity / 2 && !isClosed ? takeWaiting() : []
                return (all.filter { $0.connection === connection }, waiting)
            }
            pump(waiting)
            return unread.compactMap { if case .frame(_, let frame) = $0 { frame } else { nil } }
        }

        private func pump(_ connections: [WebSocket]) {
            for connection in connections {
                connection.scheduler.runLater { connection.onOwnThread { $0.pumpEvents() } }
            }
        }

        private func removeReader(_ id: UInt64) -> CheckedContinuation<WebSocket.Event?, Never>? {
            lock.withLock {
                guard let index = readers.firstIndex(where: { $0.id == id }) else { return nil }
                return readers.remove(at: index).continuation
            }
        }

        private func cancel(_ id: UInt64) { removeReader(id)?.resume(returning: nil) }

        /// The mailbox is dropped: nobody reads, so connections take their frames back, those that have ended too. Each
        /// does so where it lives, or it might have told a later frame to somebody else by the time these come.
        func close() {
            let (connections, readers) = lock.withLock {
                isClosed = true
                defer { self.readers = [] }
                var all = members.mapValues { $0.connection }
                for event in events { all[ObjectIdentifier(event.connection)] = event.connection }
                return (all, self.readers)
            }
            for reader in readers { reader.continuation.resume(returning: nil) }
            for connection in connections.values {
                connection.scheduler.runLater { [self] in connection.onOwnThread { $0.mailboxIsGone(self) } }
            }
        }
    }
}

/// Hands the events of one connection to a shared mailbox.
final class MailboxSink: EventSink, Sendable {
    let storage: EventMailbox.Storage
    private let id: ObjectIdentifier
    private let subscription = ProcessCore.nextID()

    init(_ storage: EventMailbox.Storage, _ connection: WebSocket) {
        self.storage = storage
        id = ObjectIdentifier(connection)
    }

    func begin(_ connection: WebSocket) { storage.join(connection, by: subscription) }

    func offer(_ event: WebSocket.Event) -> EventReception { storage.offer(event) }

    func end() { storage.leave(id, by: subscription) }

    func takeBackUnread(of connection: WebSocket) -> [WebSocket.Frame] { storage.takeBack(connection) }

    var keepsUnread: Bool { true }
}

/// A subscriber that takes one event at a time, when it wants the next.
///
/// It holds the connection; the connection holds it weakly, so that dropping it ends the subscription.
@safe final class EventPuller: EventSink, @unchecked Sendable {
    // Safety: `waiter` belongs to the connection's thread.
    private let connection: WebSocket
    private var waiter: UnsafeContinuation<WebSocket.Event?, Never>?

    init(_ connection: WebSocket) { self.connection = connection }

    deinit {
        let connection = connection
        // By then the weak reference is gone; what remains is to turn the connection passive.
        connection.scheduler.runLater { connection.onOwnThread { $0.pullerIsGone() } }
    }

    /// The next event; `nil` after the last, or when the task was cancelled, which ends the subscription.
    func next() async -> WebSocket.Event? { await connection.nextEvent(for: self) }

    func offer(_ event: WebSocket.Event) -> EventReception {
        guard let waiter = unsafe waiter else { return .notNow }
        unsafe self.waiter = nil
        unsafe waiter.resume(returning: event)
        return .taken
    }

    func end() {
        let waiter = unsafe waiter
        unsafe self.waiter = nil
        unsafe waiter?.resume(returning: nil)
    }

    /// There is one reader; should another come, the first hears of no more.
    func wait(_ continuation: UnsafeContinuation<WebSocket.Event?, Never>) {
        end()
        unsafe waiter = continuation
    }
}

extension WebSocket {
    /// Takes the next event for `puller`, waiting for one.
    fileprivate func nextEvent(for puller: EventPuller) async -> Event? {
        guard let current = subscriber?.sink, current === puller else { return nil }
        if Task.isCancelled {
            endSubscription(puller)
            return nil
        }
        if let event = nextEvent {
            eventTaken(event)
            return event
        }
        return await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { continuation in
                // An event, the end of the subscription or a cancellation may have come on the way here, as told at
                // `resultAtOnce`.
                guard let current = subscriber?.sink, current === puller, !Task.isCancelled else {
                    endSubscription(puller)
                    return unsafe continuation.resume(returning: nil)
                }
                if let event = nextEvent {
                    eventTaken(event)
                    return unsafe continuation.resume(returning: event)
                }
                unsafe puller.wait(continuation)
            }
        } onCancel: {
            scheduler.runLater { [self] in onOwnThread { $0.endSubscription(puller) } }
        }
    }

    fileprivate func pullerIsGone() {
        guard case .puller(let weak) = subscriber, weak.puller == nil else { return }
        endSubscription()
    }
}

extension WebSocket {
    /// The events of one subscription, for one reader.
    public struct Events: AsyncSequence, Sendable {
        let puller: EventPuller

        /// Begins to read the subscription's events. One iterator at a time may read: should another wait, the first
        /// one's wait ends with `nil`.
        public func makeAsyncIterator() -> Iterator { Iterator(puller: puller) }

        /// Reads the events of one subscription.
        public struct Iterator: AsyncIteratorProtocol {
            let puller: EventPuller

            /// Takes the next event, waiting for one; `nil` after the last, or when the task was cancelled, which ends
            /// the subscription.
            public mutating func next() async -> Event? { await puller.next() }

            /// Takes the next event, as `next()` does. `for await` calls this one, from whatever actor it runs on.
            public mutating func next(isolation actor: isolated (any Actor)?) async -> Event? {
                await puller.next()
            }
        }
    }
}
