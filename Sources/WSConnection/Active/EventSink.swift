/// Where a connection in active mode takes its events.
package protocol EventSink: AnyObject {
    /// Offers an event, on the connection's thread.
    func offer(_ event: WebSocket.Event) -> EventReception

    /// Nobody will take events any more: the connection ended the subscription.
    func end()

    /// Gives back, in order, the frames that were taken and that nobody has read. Forgets an end that nobody has read too.
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
    /// Nobody any more: the end was told. But it, and frames before it, may still wait there to be read.
    case told(any EventSink)

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
        case .sink(let sink), .told(let sink): sink.keepsUnread ? sink : nil
        }
    }
}

/// Stands in for a subscriber while delivery is being moved: frames wait.
final class NoReception: EventSink {
    func offer(_ event: WebSocket.Event) -> EventReception { .notNow }

    func end() {}
}

struct WeakPuller {
    weak var puller: EventPuller?
}
