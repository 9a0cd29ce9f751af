internal import Actors
internal import WSConnection

/// What a reconnecting client tells, between its process and whoever listens or looks.
///
/// The frames are not in here: a reader takes them from the connection itself.
final class ReconnectFeed: @unchecked Sendable {
    // Safety: every var is touched with `lock` held; continuations are resumed outside it.
    typealias Event = ReconnectingWebSocket.Event
    typealias State = ReconnectingWebSocket.State

    /// What is to be read, in order.
    enum Item: Sendable {
        case event(Event)
        /// The frames of a connection; it stays in front until they have been read.
        case frames(of: WebSocket)
    }

    private static let mostWaiting = 64

    /// How many frames become events; `nil`: frames are none of the reader's business.
    let active: WebSocket.ActiveMode?
    private let listener: ReconnectListener?
    private let lock = Lock()
    private var current = State.connecting(attempt: 1)
    private var items: [Item] = []
    private var waiter: (id: UInt64, continuation: CheckedContinuation<Item?, Never>)?
    private var readers = 0
    private var isOver = false

    init(active: WebSocket.ActiveMode? = nil, listener: ReconnectListener? = nil) {
        self.active = active
        self.listener = listener
    }

    // MARK: For the client's process

    var state: State {
        get { lock.withLock { current } }
        set { lock.withLock { if !isOver { current = newValue } } }
    }

    /// Tells of an up or down, and takes on the state that it stands for. Nothing comes after the end: the task of a
    /// client that was killed may go on for a moment.
    func tell(_ event: Event) {
        if lock.withLock({ isOver }) { return }
        switch event {
        case .up(let connection): state = .up(connection)
        case .down(let reason, let delay): state = .waiting(reason, retryIn: delay)
        case .frame, .stopped: break
        }
        if let listener { return listener.tell(event) }
        append(.event(event))
        if active != nil, case .up(let connection) = event { append(.frames(of: connection)) }
    }

    /// The client has ended.
    func end(_ reason: ExitReason) {
        lock.withLock {
            current = .stopped(reason)
            isOver = true
        }
        if let listener { listener.tell(.stopped(reason)) } else { append(.event(.stopped(reason))) }
    }

    /// Gives up the frames of a connection that is gone, if nobody reads them. Whether that was so.
    func dropUnread() -> Bool {
        lock.withLock {
            guard listener == nil, readers == 0 else { return false }
            items.removeAll { if case .frames = $0 { true } else { false } }
            return true
        }
    }

    private func append(_ item: Item) {
        let (waiting, first) = lock.withLock { () -> (CheckedContinuation<Item?, Never>?, Item?) in
            items.append(item)
            if items.count > Self.mostWaiting { items.removeFirst() }
            guard let waiting = waiter else { return (nil, nil) }
            waiter = nil
            return (waiting.continuation, takeFirst())
        }
        waiting?.resume(returning: first)
    }

    // MARK: For the reader

    func readerCame() { lock.withLock { readers += 1 } }

    func readerLeft() { lock.withLock { readers -= 1 } }

    /// The next item, waiting for one; `nil` after the last, or when the task was cancelled.
    func next() async -> Item? {
        let id = ProcessCore.nextID()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { wait(id, $0) }
        } onCancel: {
            removeWaiter(id)?.resume(returning: nil)
        }
    }

    /// The frames in front have been read.
    func drained(_ connection: WebSocket) {
        lock.withLock {
            if case .frames(let front) = items.first, front === connection { items.removeFirst() }
        }
    }

    /// With the lock held.
    private func takeFirst() -> Item? {
        guard let first = items.first else { return nil }
        if case .event = first { items.removeFirst() }
        return first
    }

    private func wait(_ id: UInt64, _ continuation: CheckedContinuation<Item?, Never>) {
        enum Step {
            case give(Item?)
            case wait(instead: CheckedContinuation<Item?, Never>?)
        }
        let step = lock.withLock { () -> Step in
            if let item = takeFirst() { return .give(item) }
            if isOver || Task.isCancelled { return .give(nil) }
            // There is one reader; should another come, the first hears of no more.
            defer { waiter = (id, continuation) }
            return .wait(instead: waiter?.continuation)
        }
        switch step {
        case .give(let item): continuation.resume(returning: item)
        case .wait(let other): other?.resume(returning: nil)
        }
    }

    private func removeWaiter(_ id: UInt64) -> CheckedContinuation<Item?, Never>? {
        lock.withLock {
            guard waiter?.id == id else { return nil }
            defer { waiter = nil }
            return waiter?.continuation
        }
    }
}

/// Hands the frames of one connection to the process that listens, and the end to the client.
final class ReconnectSink: EventSink, Sendable {
    private let listener: ReconnectListener
    private let whenOver: @Sendable () -> Void

    init(_ listener: ReconnectListener, whenOver: @escaping @Sendable () -> Void) {
        self.listener = listener
        self.whenOver = whenOver
    }

    func offer(_ event: WebSocket.Event) -> EventReception {
        guard listener.pid.isAlive else { return .gone }
        if case .frame(let connection, let frame) = event {
            listener.tell(.frame(connection, frame))
        } else {
            whenOver()
        }
        return .taken
    }

    func end() {}
}
