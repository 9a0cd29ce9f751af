public import Actors
public import WSConnection

extension ReconnectingWebSocket {
    /// What a reconnecting client tells its subscriber.
    public enum Event: Sendable {
        /// There is a connection. Its frames follow, then its `down` or `stopped`.
        case up(WebSocket)
        /// A message, ping or pong arrived.
        case frame(WebSocket, WebSocket.Frame)
        /// The connection is over, or an attempt has failed: why, and how long the client waits before the next attempt.
        case down(WebSocketError, retryIn: Duration)
        /// The client has ended, by its own decision or another's. The last event, once.
        case stopped(ExitReason)
    }

    /// Where a reconnecting client stands.
    public enum State: Sendable, CustomStringConvertible {
        /// It tries to connect: which attempt it is since there was a connection that held, from 1.
        case connecting(attempt: Int)
        /// It has a connection.
        case up(WebSocket)
        /// It waits before it tries again: why the last attempt failed, or the connection ended, and how long.
        case waiting(WebSocketError, retryIn: Duration)
        /// It has ended.
        case stopped(ExitReason)

        public var description: String {
            switch self {
            case .connecting(let attempt): "connecting, attempt \(attempt)"
            case .up: "up"
            case .waiting(let error, let delay): "waiting for at most \(delay) after \(error)"
            case .stopped(let reason): "stopped, \(reason)"
            }
        }
    }
}
