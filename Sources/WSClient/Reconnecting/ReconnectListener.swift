internal import Actors
internal import WSConnection

/// The process that a reconnecting client tells its events, of whatever kind its messages are.
struct ReconnectListener: Sendable {
    let pid: PID
    let tell: @Sendable (ReconnectingWebSocket.Event) -> Void

    init<Message>(
        _ process: Process<Message>, _ adapter: @escaping @Sendable (ReconnectingWebSocket.Event) -> Message
    ) {
        pid = process.pid
        tell = { process.send(adapter($0)) }
    }
}
