internal import WSConnection

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
