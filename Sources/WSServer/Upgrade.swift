internal import Actors
public import HansomHTTP
internal import HansomTransport
public import WSConnection
internal import WSProtocol

/// Connections that another HTTP server has accepted.
extension WebSocketServer {
    /// Turns a connection that another HTTP server has accepted into a WebSocket, and serves it to its end: for a
    /// server that reads requests itself and finds one that asks for a WebSocket.
    ///
    /// It answers: 101, or why not. Whoever calls must not have begun an answer. With routes it answers requests, one
    /// after the other, until one becomes a WebSocket or the connection ends.
    ///
    /// - Parameters:
    ///   - descriptor: the connected stream socket. It becomes the connection's; it is made non-blocking.
    ///   - received: what was read from it so far: the request's head as it came, and what followed.
    ///   - service: what the connection is served.
    ///   - options: limits, origins, subprotocols, authorisation and times. TLS and the options about listening do not
    ///     apply.
    /// - Returns: whether it became a WebSocket; a request that was refused was answered.
    /// - Throws: `.invalidConfiguration` when `descriptor` is no connected stream socket; it stays the caller's then.
    @discardableResult
    public static func upgrade(
        over descriptor: Int32, received: [UInt8], serving service: WebSocketService, options: ServerOptions = .init()
    ) async throws(WebSocketError) -> Bool {
        try await takeOver(descriptor, received, options, service)
    }

    /// The same with a handler, which runs as the connection.
    @discardableResult
    public static func upgrade(
        over descriptor: Int32, received: [UInt8], options: ServerOptions = .init(),
        handler: @escaping WebSocket.Handler
    ) async throws(WebSocketError) -> Bool {
        try await upgrade(over: descriptor, received: received, serving: .handler(handler), options: options)
    }

    /// The same with routes.
    @discardableResult
    public static func upgrade(
        over descriptor: Int32, received: [UInt8], options: ServerOptions = .init(), routes: Routes
    ) async throws(WebSocketError) -> Bool {
        try await upgrade(over: descriptor, received: received, serving: .routes(routes), options: options)
    }

    /// Answers a request for a WebSocket that another HTTP server has read, and serves the connection to its end.
    ///
    /// - Parameters:
    ///   - descriptor: as for `upgrade(over:received:serving:)`.
    ///   - request: the request that was read, with all its fields; `Host` among them.
    ///   - received: what was read behind it.
    ///   - answerBegun: whether the other server has begun to answer.
    ///   - service, options: as for `upgrade(over:received:serving:)`.
    /// - Returns: whether it became a WebSocket; a request that was refused was answered.
    /// - Throws: `.misuse` when an answer has begun: nothing may come between; `.invalidConfiguration` when
    ///   `descriptor` is no connected stream socket, or `request` none that could have been read. It stays the caller's
    ///   then.
    @discardableResult
    public static func accept(
        over descriptor: Int32, request: RequestHead, received: [UInt8] = [], answerBegun: Bool = false,
        serving service: WebSocketService, options: ServerOptions = .init()
    ) async throws(WebSocketError) -> Bool {
        let bytes = try bytes(of: request, answerBegun) + received
        return try await takeOver(descriptor, bytes, options, service)
    }

    /// The same with a handler, which runs as the connection.
    @discardableResult
    public static func accept(
        over descriptor: Int32, request: RequestHead, received: [UInt8] = [], answerBegun: Bool = false,
        options: ServerOptions = .init(), handler: @escaping WebSocket.Handler
    ) async throws(WebSocketError) -> Bool {
        try await accept(
            over: descriptor, request: request, received: received, answerBegun: answerBegun,
            serving: .handler(handler), options: options)
    }

    /// The same over a pipe in memory, whose other end the other HTTP server carries on to its peer.
    ///
    /// - Parameters:
    ///   - pipe: the connection lives where it does: the option `schedulers` does not apply.
    ///   - peerAddress: what `ws.peerAddress` says.
    /// - Throws: `.misuse` also when the pipe carries a connection already, so that its answer has begun.
    @discardableResult
    public static func accept(
        over pipe: BytePipe, request: RequestHead, received: [UInt8] = [], answerBegun: Bool = false,
        peerAddress: SocketAddress? = nil, serving service: WebSocketService, options: ServerOptions = .init()
    ) async throws(WebSocketError) -> Bool {
        let bytes = try bytes(of: request, answerBegun) + received
        let settings = try plain(options, service)
        guard pipe.take() else {
            throw WebSocketError(.misuse, "the pipe carries a connection already, whose answer has begun")
        }
        let origin = HandedOverConnection.Origin(stream: pipe.near, peer: peerAddress, local: nil, received: bytes)
        return await HandedOverConnection.run(origin, settings, on: pipe.home)
    }

    /// The same with a handler, which runs as the connection.
    @discardableResult
    public static func accept(
        over pipe: BytePipe, request: RequestHead, received: [UInt8] = [], answerBegun: Bool = false,
        peerAddress: SocketAddress? = nil, options: ServerOptions = .init(), handler: @escaping WebSocket.Handler
    ) async throws(WebSocketError) -> Bool {
        try await accept(
            over: pipe, request: request, received: received, answerBegun: answerBegun, peerAddress: peerAddress,
            serving: .handler(handler), options: options)
    }

    private static func takeOver(
        _ descriptor: Int32, _ received: [UInt8], _ options: ServerOptions, _ service: WebSocketService
    ) async throws(WebSocketError) -> Bool {
        let settings = try plain(options, service)
        let scheduler = options.schedulers.place()
        let stream: SocketStream
        do {
            stream = try SocketStream(borrowing: descriptor, scheduler: scheduler)
        } catch {
            throw WebSocketError(
                .invalidConfiguration, "descriptor \(descriptor) is no connected stream socket: \(error)")
        }
        stream.keep()
        let origin = HandedOverConnection.Origin(
            stream: stream, peer: stream.peerAddress, local: stream.localAddress, received: received)
        return await HandedOverConnection.run(origin, settings, on: scheduler)
    }

    /// TLS and the PROXY protocol are the other server's affair.
    private static func plain(
        _ options: ServerOptions, _ service: WebSocketService
    ) throws(WebSocketError) -> ServerSettings {
        let resources = try service.resources(options)
        var plain = options
        plain.proxyProtocol = []
        return try ServerSettings(plain, resources, tls: nil)
    }

    private static func bytes(of request: RequestHead, _ answerBegun: Bool) throws(WebSocketError) -> [UInt8] {
        if answerBegun { throw WebSocketError(.misuse, "an answer to the request has begun; no 101 can follow") }
        let bytes = request.bytes
        var parser = RequestHeadParser(limits: .none, acceptsHTTP10: true)
        // What does not read back as what it was would be another request.
        guard let parsed = try? parser.parse(bytes), parsed.consumed == bytes.count,
            parsed.head?.target == request.target
        else {
            throw WebSocketError(.invalidConfiguration, "request for \(request.target.debugDescription) that is none")
        }
        return bytes
    }
}
