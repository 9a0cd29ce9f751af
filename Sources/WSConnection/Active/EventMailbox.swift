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
/// never ends by itself; when it is dropped, its connections turn passive.
public final class EventMailbox: AsyncSequence, Sendable {
    let storage: Storage

    /// - Parameter capacity: events that may wait; default 1,024.
    public init(capacity: Int = 1024) { storage = Storage(capacity: Swift.max(capacity, 1)) }

    deinit { storage.close() }

    public func makeAsyncIterator() -> Iterator { Iterator(mailbox: self) }

    /// Takes the next event, waiting for one; `nil` when the task was cancelled.
    public func next() async -> WebSocket.Event? { await storage.next() }

    public struct Iterator: AsyncIteratorProtocol {
        let mailbox: EventMailbox

        public mutating func next() async -> WebSocket.Event? { await mailbox.next() }

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
        private var waitingForRoom: [WebSocket] = []
        private var isClosed = false

        init(capacity: Int) { self.capacity = capacity }

        func offer(_ event: WebSocket.Event) -> EventReception {
            let (reception, reader) = lock.withLock { () -> (EventReception, CheckedContinuation<WebSocket.Event?, Never>?) in
                if isClosed { return (.gone, nil) }
                if !readers.isEmpty { return (.taken, readers.removeFirst().continuation) }
                if events.count >= capacity {
                    waitingForRoom.append(event.connection)
                    return (.notNow, nil)
                }
                events.append(event)
                return (.taken, nil)
            }
            reader?.resume(returning: event)
            return reception
        }

        func next() async -> WebSocket.Event? {
            let id = ProcessCore.nextID()
            return await withTaskCancellationHandler {
                await withCheckedContinuation { take(id, $0) }
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
                defer { waitingForRoom = [] }
                return .give(event, roomFor: waitingForRoom)
            }
            guard case .give(let event, let waiting) = step else { return }
            continuation.resume(returning: event)
            pump(waiting)
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

        func close() {
            let (waiting, connections) = lock.withLock {
                isClosed = true
                defer {
                    readers = []
                    waitingForRoom = []
                    events = []
                }
                return (readers, waitingForRoom + events.map(\.connection))
            }
            for reader in waiting { reader.continuation.resume(returning: nil) }
            pump(connections)
        }
    }
}

/// Hands the events of one connection to a shared mailbox.
final class MailboxSink: EventSink {
    private let storage: EventMailbox.Storage

    init(_ storage: EventMailbox.Storage, _ connection: WebSocket) { self.storage = storage }

    func offer(_ event: WebSocket.Event) -> EventReception { storage.offer(event) }

    func end() {}
}
