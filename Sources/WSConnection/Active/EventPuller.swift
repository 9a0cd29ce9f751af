internal import Actors

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

        public func makeAsyncIterator() -> Iterator { Iterator(puller: puller) }

        public struct Iterator: AsyncIteratorProtocol {
            let puller: EventPuller

            public mutating func next() async -> Event? { await puller.next() }

            public mutating func next(isolation actor: isolated (any Actor)?) async -> Event? {
                await puller.next()
            }
        }
    }
}
