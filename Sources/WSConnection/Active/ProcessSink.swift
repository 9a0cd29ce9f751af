internal import Actors

/// Hands events to a process, as messages of its kind.
final class ProcessSink<Message: Sendable>: EventSink {
    private let process: Process<Message>
    private let adapter: @Sendable (WebSocket.Event) -> Message

    init(_ process: Process<Message>, _ adapter: @escaping @Sendable (WebSocket.Event) -> Message) {
        self.process = process
        self.adapter = adapter
    }

    func offer(_ event: WebSocket.Event) -> EventReception {
        guard process.pid.isAlive else { return .gone }
        process.send(adapter(event))
        return .taken
    }

    func end() {}
}
