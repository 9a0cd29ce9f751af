internal import HTTPTypes
internal import HansomHTTP
internal import HansomTransport
internal import Tracing
internal import WSConnection
internal import WSProtocol

/// Makes spans of requests and connections.
struct ConnectionTracing: ServerTracing {
    private let tracer: any Tracer

    init(_ tracer: any Tracer) { self.tracer = tracer }

    func began(_ request: RequestHead, client: SocketAddress?) -> any ConnectionTrace {
        var context = ServiceContext.topLevel
        tracer.extract(request.fields, into: &context, using: FieldExtractor())
        let target = RequestTarget(request.target)
        let path = target.form == .absolute ? target.path : RequestTarget.withoutSecrets(request.target)
        let connection = tracer.startSpan("WebSocket \(path)", context: context, ofKind: .server)
        let handshake = tracer.startSpan("WebSocket handshake", context: connection.context, ofKind: .internal)
        for span in [connection, handshake] {
            span.attributes["http.request.method"] = request.method.rawValue
            span.attributes["url.path"] = path
            if let client { span.attributes["client.address"] = client.isUnix ? "unix" : client.host }
        }
        return SpanTrace(connection: connection, handshake: handshake)
    }
}

/// Reads what a tracer asks for from a request's fields.
private struct FieldExtractor: Extractor {
    func extract(key: String, from carrier: HTTPFields) -> String? {
        HTTPField.Name(key).flatMap { carrier[$0] }
    }
}

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
