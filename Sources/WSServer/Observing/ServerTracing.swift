package import HansomTransport
package import WSConnection
package import WSProtocol

/// What follows requests and connections across programs: the seam that `WSServerTelemetry` fills.
///
/// Everything is called on the scheduler where it happens.
package protocol ServerTracing: Sendable {
    /// A request for a WebSocket was read.
    func began(_ request: RequestHead, client: SocketAddress?) -> any ConnectionTrace
}

/// One request for a WebSocket, and the connection that it becomes.
package protocol ConnectionTrace: AnyObject {
    /// It was answered: with 101, or with why not.
    func answered(_ status: Int)

    /// The peer was lost before it was answered.
    func lost(_ error: WebSocketError)

    /// Begins a handler, which is to find the trace as the one that it is part of.
    func begin(_ handler: () -> Void)

    /// The connection is over.
    func ended(_ code: WebSocket.CloseCode, _ traffic: WebSocket.Counters)
}

/// What is told of each handshake and connection when it is over, and of the server when it begins: the other seam.
package protocol ServerMeasuring: Sendable {
    func handshakeEnded(_ result: HandshakeResult, after time: Duration)
    func connectionEnded(after time: Duration)
    func serverStarted(_ server: WebSocketServer)
}
