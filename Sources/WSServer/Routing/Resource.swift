internal import HTTPTypes

/// What stands at one path: answers to methods, and perhaps a WebSocket.
struct Resource: Sendable {
    /// Who answers a plain request.
    struct Responder: Sendable {
        let make: Maker
        /// Who is asked before: the server's hook, another, or none.
        let authorize: RouteOptions.Setting<Authorization.Hook?>
        /// Whether it tells only how the server fares, to whoever asks for it by whatever host.
        var isProbe = false
    }

    /// How the answer comes about.
    enum Maker: Sendable {
        case handler(Routes.Handler)
        /// From what the server knows of itself.
        case server(@Sendable (ServerSettings) async -> ServerResponse)
    }

    var responders: [HTTPRequest.Method: Responder] = [:]
    var webSocket: WebSocketService?

    /// HEAD is GET without the content (RFC 9110 section 9.3.2).
    func responder(for method: HTTPRequest.Method) -> Responder? {
        responders[method] ?? (method == .head ? responders[.get] : nil)
    }

    /// The value of `Allow` (RFC 9110 section 10.2.1).
    var allowed: String {
        var methods = Set(responders.keys.map(\.rawValue))
        if methods.contains("GET") { methods.insert("HEAD") }
        if webSocket != nil { methods.insert("GET") }
        return methods.sorted().joined(separator: ", ")
    }
}
