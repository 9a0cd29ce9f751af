internal import WSClient

/// What happens in a conversation that somebody may want to see.
enum ConversationEvent: Sendable {
    /// The request of the opening handshake is about to be sent.
    case request([UInt8], to: String?, tls: TLSDetails?)
    /// The head of the answer.
    case answer([UInt8])
    case connected(Connected)
    case sent(WebSocket.Message)
    case received(WebSocket.Frame)
    /// We close the connection.
    case closing(WebSocket.Close)
    /// The connection was closed with a close handshake.
    case closed(WebSocket.Close)
    /// There is no connection, or no more.
    case failed(WebSocketError)

    /// There is no connection, or no more, and another will be tried.
    case down(WebSocketError, retryIn: Duration)

    /// A connection as it begins.
    struct Connected: Sendable {
        let url: String
        /// Not for the first time.
        var isAgain = false
        var address: String?
        var subprotocol: String?
        var tls: TLSDetails?
    }
}
