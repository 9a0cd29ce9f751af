import WSConnection

/// Short words for events.
enum Told: Hashable {
    case frame(WebSocket.Frame)
    case closed(UInt16)
    case failed(String)

    init(_ event: WebSocket.Event) {
        switch event {
        case .frame(_, let frame): self = .frame(frame)
        case .closed(_, let close): self = .closed(close.code.rawValue)
        case .failed(_, let error): self = .failed(error.code.description)
        }
    }

    static func text(_ text: String) -> Told { .frame(.text(text)) }
    static func ping(_ text: String) -> Told { .frame(.ping(Array(text.utf8))) }
}

extension AsyncSequence where Element == WebSocket.Event, Self: Sendable {
    /// Writes down all events in a task of its own.
    func noted(_ bench: Bench) -> (Notes<Told>, Task<Void, Never>) {
        let notes = Notes<Told>()
        return (notes, bench.task { do { for try await event in self { await notes.add(Told(event)) } } catch {} })
    }
}

/// What a process takes in these tests: events of a connection, and its own.
enum Input: Sendable {
    case socket(WebSocket.Event)
    case own(Int)

    var event: WebSocket.Event? { if case .socket(let event) = self { event } else { nil } }
}
