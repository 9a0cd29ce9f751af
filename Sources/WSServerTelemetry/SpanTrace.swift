internal import Tracing
internal import WSConnection

/// The two spans of a request that may become a connection. Each is ended once.
final class SpanTrace: ConnectionTrace {
    private let connection: any Span
    private let handshake: any Span

    init(connection: any Span, handshake: any Span) {
        self.connection = connection
        self.handshake = handshake
    }

    func answered(_ status: Int) {
        handshake.attributes["http.response.status_code"] = status
        connection.attributes["http.response.status_code"] = status
        if status >= 500 { handshake.setStatus(.init(code: .error)) }
        handshake.end()
        if status != 101 { connection.end() }
    }

    func lost(_ error: WebSocketError) {
        for span in [handshake, connection] {
            span.setStatus(.init(code: .error, message: error.code.description))
            span.end()
        }
    }

    func begin(_ handler: () -> Void) { ServiceContext.$current.withValue(connection.context, operation: handler) }

    func ended(_ code: WebSocket.CloseCode, _ traffic: WebSocket.Counters) {
        connection.attributes["websocket.close_code"] = Int(code.rawValue)
        connection.attributes["websocket.frames_received"] = Int(clamping: traffic.framesReceived)
        connection.attributes["websocket.frames_sent"] = Int(clamping: traffic.framesSent)
        connection.attributes["websocket.bytes_received"] = Int(clamping: traffic.bytesReceived)
        connection.attributes["websocket.bytes_sent"] = Int(clamping: traffic.bytesSent)
        if code == .internalError || code == .abnormal { connection.setStatus(.init(code: .error)) }
        connection.end()
    }
}
