internal import HTTPTypes
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
