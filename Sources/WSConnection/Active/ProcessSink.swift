internal import Actors

/// Hands events to a process, as messages of its kind. While it is subscribed the process holds the connection.
final class ProcessSink<Message: Sendable>: EventSink, @unchecked Sendable {
    // Safety: all is constant; `bond` may be used from any thread.
    private let process: Process<Message>
    private let adapter: @Sendable (WebSocket.Event) -> Message
    private let bond: Ownership

    init(_ process: Process<Message>, _ adapter: @escaping @Sendable (WebSocket.Event) -> Message) {
        self.process = process
        self.adapter = adapter
        bond = Ownership(process.core)
    }

    /// From now on the end of the process ends the subscription.
    func begin(_ connection: WebSocket) {
        bond.begin(connection) { [self] in $0.unsubscribe(self) }
    }

    func offer(_ event: WebSocket.Event) -> EventReception {
        guard process.pid.isAlive else { return .gone }
        process.send(adapter(event))
        return .taken
    }

    func end() { bond.end() }
}
