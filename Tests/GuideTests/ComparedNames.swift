import Actors
import HansomHTTP
import WSClient
import WSProtocol
import WSServer

/// Uses each Swift name that the guide's comparison gives, so that it exists: `ComparisonTests` looks for them here.
/// None of this is run.
enum ComparedNames {
    static func connecting() async throws {
        _ = try await WebSocket.connect(to: "")
        _ = try await WebSocket.connect(to: "", options: ConnectOptions())
        try await WebSocket.withConnection(to: "", options: ConnectOptions()) { _ in }
    }

    static func clientOptions() -> [AnyKeyPath] {
        [
            \ConnectOptions.connectTimeout, \ConnectOptions.recvTimeout, \ConnectOptions.headers,
            \ConnectOptions.subprotocols, \ConnectOptions.active, \ConnectOptions.tls, \ConnectOptions.redirects,
            \ConnectOptions.cookies, \ConnectOptions.proxy, \ConnectTimeouts.responseHead,
            \ConnectOptions.readIdleTimeout, \ConnectOptions.writeIdleTimeout, \WebSocket.Limits.frameSize,
            \WebSocket.Limits.fragments,
            \TLSClientOptions.verification,
        ]
    }

    static func connection(_ ws: isolated WebSocket) async throws {
        try await ws.send(WebSocket.Message.text(""))
        try await ws.send(WebSocket.Message.binary([]))
        try await ws.send(fragments: [""])
        try ws.sendPing()
        try ws.sendPing([])
        try ws.sendPong()
        try ws.sendPong([])
        _ = try await ws.recv()
        _ = try await ws.recvFrame()
        _ = try await ws.recvFrame(timeout: .zero)
        _ = ws.makeAsyncIterator()
        try ws.setActive(.once)
        try await ws.close()
        try await ws.close(code: .normal, reason: "")
    }

    static func facts() -> [AnyKeyPath] {
        [
            \WebSocket.pid, \WebSocket.isClosed, \WebSocket.Close.code, \WebSocket.Close.reason, \WebSocketError.code,
            \RequestHead.isUpgrade, \ResponseHead.isUpgrade, \WebSocket.Request.isUpgrade,
        ]
    }

    static let modes = [WebSocket.ActiveMode.off, WebSocket.ActiveMode.on, WebSocket.ActiveMode.once]
    static let frames = [
        WebSocket.Frame.text(""), WebSocket.Frame.binary([]), WebSocket.Frame.ping([]), WebSocket.Frame.pong([]),
    ]
    static let codes = [
        WebSocketError.Code.closed, WebSocketError.Code.http, WebSocketError.Code.timeout,
    ]
    static let closeCodes = [
        WebSocket.CloseCode.normal, WebSocket.CloseCode.goingAway, WebSocket.CloseCode.protocolError,
    ]

    static func events(_ ws: WebSocket, _ frame: WebSocket.Frame, _ error: WebSocketError) -> [WebSocket.Event] {
        [
            WebSocket.Event.frame(ws, frame), WebSocket.Event.closed(ws, .init(code: .normal)),
            WebSocket.Event.failed(ws, error),
        ]
    }

    static func serving(_ handler: @escaping WebSocket.Handler) async throws {
        let server: WebSocketServer = try await WebSocketServer.listen(host: "", port: 0, handler: handler)
        _ = try await WebSocketServer.listen(port: 0, handler: handler)
        _ = try await WebSocketServer.listen(unixPath: "", handler: handler)
        try await WebSocketServer.run(host: "", port: 0, handler: handler)
        try await WebSocketServer.upgrade(over: 0, received: [], handler: handler)
        _ = ServerResponse.upgrade(handler: handler)
        await server.wait()
        await server.forceClose()
    }

    static func serverFacts() -> [AnyKeyPath] {
        [
            \WebSocketServer.address, \ServerOptions.tls, \ServerOptions.subprotocols, \ServerOptions.origins,
        ]
    }

    static func protocolLayer() -> ProtocolMachine.State { ProtocolMachine(role: .server).state }
}
