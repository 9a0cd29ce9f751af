import Actors
import HansomLifecycle
import Logging
import ServiceLifecycle
import UnixSignals
import WSServer

func listenInSeveralPlaces(_ tls: TLSServerOptions, _ echo: @escaping WebSocket.Handler) async throws -> WebSocketServer
{
    // guide: endpoints
    let server = try await WebSocketServer.listen(
        on: [.tcp(host: "localhost", port: 8080), .tcp(host: "::", port: 8443, tls: tls), .unix("/run/app.sock")],
        serving: .handler(echo), options: .with { $0.maxConnections = 1_000 })
    print(server.addresses)
    // end
    return server
}

func reload(_ server: WebSocketServer) async {
    // guide: reload
    let new = TLSServerOptions(identity: .files(certificateChain: "chain.pem", privateKey: "key.pem"))
    do {
        try await server.reload(tls: new)
    } catch {
        print("the old certificate stays: \(error)")
    }
    // end
}

func change(_ server: WebSocketServer) async {
    // guide: changes
    server.setMaxConnections(50_000)
    await server.suspend()
    // ...
    server.resume()
    // end
}

func superviseServer(_ options: ServerOptions, _ handler: @escaping WebSocket.Handler) async throws -> RunningSupervisor
{
    // guide: supervised-server
    let tree = Supervisor(.restForOne, id: "application") {
        Child("bank") { try await Bank().started() }
        Child("server", shutdown: .infinity) {
            try await WebSocketServer.listen(port: 8080, options: options, handler: handler)
        }
    }
    let application = try await tree.start()
    // end
    return application
}

func runServerAsService(_ options: ServerOptions, _ handler: @escaping WebSocket.Handler, _ logger: Logger) async throws
{
    // guide: server-service
    let server = WebSocketServerService(drain: .seconds(25)) {
        let inherited = Endpoint.inherited()
        return try await WebSocketServer.listen(
            on: inherited.isEmpty ? [.tcp(port: 8080)] : inherited, options: options, handler: handler)
    }
    let group = ServiceGroup(services: [server], gracefulShutdownSignals: [.sigterm], logger: logger)
    try await group.run()
    // end
}

func drainOptions() -> ServerOptions {
    // guide: drain
    var options = ServerOptions()
    options.drain.batch = 100
    options.drain.pause = .milliseconds(200)
    options.drain.handshakeGrace = .seconds(1)
    // end
    return options
}
