public import HTTPTypes
public import WSConnection

/// What a server answers a request with: a status, fields and content, or a WebSocket.
public struct ServerResponse: Sendable {
    /// The one or the other.
    enum Content: Sendable {
        case body([UInt8])
        case pieces(ResponsePieces)
        case upgrade(ServerSettings.Handling, RouteOptions)
    }

    /// Default 200. An answer ends an exchange, so 1xx is none: it becomes 500.
    public var status: HTTPResponse.Status
    /// Further fields. `Content-Length` and `Transfer-Encoding` are set by the server; `Connection: close` is heeded.
    /// Control characters become spaces.
    public var headers: HTTPFields
    var content: Content

    /// The content; empty for a WebSocket, and for what is sent piece by piece.
    public var body: [UInt8] {
        get { if case .body(let bytes) = content { bytes } else { [] } }
        set { content = .body(newValue) }
    }

    /// An answer of bytes.
    ///
    /// - Parameters:
    ///   - status: default 200.
    ///   - headers: `Content-Type` among them, where there is content.
    ///   - body: default: none.
    public init(status: HTTPResponse.Status = .ok, headers: HTTPFields = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        content = .body(body)
    }

    /// An answer of text, as `text/plain; charset=utf-8` unless `headers` say otherwise.
    public init(status: HTTPResponse.Status = .ok, headers: HTTPFields = [:], text: String) {
        self.init(status: status, headers: headers, body: Array(text.utf8))
        if headers[.contentType] == nil { self.headers[.contentType] = "text/plain; charset=utf-8" }
    }

    /// Makes the connection a WebSocket, from inside a route. A request that does not ask for one, or asks wrongly, is
    /// refused as by a WebSocket route: 426, 403, 400.
    ///
    /// - Parameters:
    ///   - options: what differs from the server's options.
    ///   - handler: runs as the connection.
    public static func upgrade(
        options: RouteOptions = .init(), handler: @escaping WebSocket.Handler
    ) -> ServerResponse {
        ServerResponse(upgrade: .perConnection(handler), options)
    }

    /// The same with a synchronous handler.
    public static func upgrade(
        options: RouteOptions = .init(), onMessage handler: @escaping WebSocket.MessageHandler
    ) -> ServerResponse {
        ServerResponse(upgrade: .perMessage(handler), options)
    }

    /// The same with a synchronous handler that sees each message where it lies: see `WebSocketService.onMessageView`.
    public static func upgrade(
        options: RouteOptions = .init(), onMessageView handler: @escaping WebSocket.MessageViewHandler
    ) -> ServerResponse {
        ServerResponse(upgrade: .perMessageView(handler), options)
    }

    /// An answer whose content is fetched while it is sent.
    init(status: HTTPResponse.Status, headers: HTTPFields, pieces: ResponsePieces) {
        self.status = status
        self.headers = headers
        content = .pieces(pieces)
    }

    private init(upgrade handling: ServerSettings.Handling, _ options: RouteOptions) {
        status = .switchingProtocols
        headers = [:]
        content = .upgrade(handling, options)
    }
}

/// Content of a response that is fetched piece by piece, as the peer takes it, so that no more than one piece is in
/// memory.
struct ResponsePieces: Sendable {
    /// The most of one piece.
    static let size = 64 << 10

    /// How many bytes there are in all.
    let length: Int
    /// The bytes from an offset on, so many at the most and at least one. What it throws ends the connection: the
    /// length was promised.
    let piece: @Sendable (_ offset: Int, _ count: Int) async throws -> [UInt8]

    /// The next piece; without it nothing but the end of the connection can say that this is not all.
    func fetch(at offset: Int) async throws(WebSocketError) -> [UInt8] {
        do {
            return try await piece(offset, min(ResponsePieces.size, length - offset))
        } catch {
            throw WebSocketError(
                .connectionLost, "the content of an answer ended early: \(error)", phase: .handshake)
        }
    }
}

/// What a server's authorisation hook says of a request.
public struct Authorization: Sendable {
    /// The hook: is asked before a WebSocket is opened and before a route is run, with no content read yet. What it
    /// throws is answered with 500, without details.
    public typealias Hook = @Sendable (WebSocket.Request) async throws -> Authorization

    enum Verdict: Sendable {
        case accept((any Sendable)?)
        case refuse(ServerResponse)
    }

    let verdict: Verdict

    /// The request may pass.
    public static let accept = Authorization(verdict: .accept(nil))

    /// The request may pass, and `value` goes along: `request.value(as:)` has it, in routes and in `ws.request`.
    public static func accept(_ value: some Sendable) -> Authorization { Authorization(verdict: .accept(value)) }

    /// The request is answered with `response` and goes no further; the connection ends.
    public static func refuse(_ response: ServerResponse) -> Authorization {
        Authorization(verdict: .refuse(response))
    }
}
