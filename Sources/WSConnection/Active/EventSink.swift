/// Where a connection in active mode takes its events.
package protocol EventSink: AnyObject {
    /// Offers an event, on the connection's thread.
    func offer(_ event: WebSocket.Event) -> EventReception

    /// Nobody will take events any more: the connection ended the subscription.
    func end()
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

    var sink: (any EventSink)? {
        switch self {
        case .puller(let weak): weak.puller
        case .sink(let sink): sink
        }
    }
}

struct WeakPuller {
    weak var puller: EventPuller?
}
