internal import Actors

/// The calls of `recv` and `recvFrame` that wait, first come, first served.
struct Receivers {
    /// Where a call waits, and so how it goes on.
    @safe enum Place {
        /// The connection's own handler, at the gate.
        case handler
        /// Another task, at the gate.
        case gate
        /// Another task, while the gate is taken.
        case continuation(UnsafeContinuation<Result<WebSocket.Frame, WebSocketError>, Never>)
    }

    @safe struct Waiter {
        let id: UInt64
        let wantsFrames: Bool
        let alarm: Alarm?
        let place: Place

        var isHandler: Bool { if case .handler = place { true } else { false } }
    }

    // Nearly always there is at most one.
    private var first: Waiter?
    private var others: [Waiter] = []

    var isEmpty: Bool { first == nil }

    mutating func append(_ waiter: Waiter) {
        if first == nil { first = waiter } else { others.append(waiter) }
    }

    mutating func popFirst() -> Waiter? {
        let waiter = first
        if others.isEmpty { first = nil } else { first = others.removeFirst() }
        return waiter
    }

    /// Takes the first who wants such a frame.
    mutating func popFirst(wanting frame: WebSocket.Frame) -> Waiter? {
        if first == nil || !frame.isControl { return popFirst() }
        return remove { $0.wantsFrames }
    }

    mutating func remove(id: UInt64) -> Waiter? { remove { $0.id == id } }

    mutating func remove(where matches: (Waiter) -> Bool) -> Waiter? {
        if let waiter = first, matches(waiter) { return popFirst() }
        guard let index = others.firstIndex(where: matches) else { return nil }
        return others.remove(at: index)
    }
}
