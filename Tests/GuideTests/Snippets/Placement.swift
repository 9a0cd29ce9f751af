import Actors
import WSClient
import WSServer

func place(_ group: SchedulerGroup) async throws {
    // guide: placement
    var serverOptions = ServerOptions()
    serverOptions.schedulers = group
    let server = try await WebSocketServer.listen(port: 0, options: serverOptions) { ws in
        for try await message in ws { try await ws.send(message) }
    }
    var options = ConnectOptions()
    options.scheduler = group.next()
    let ws = try await WebSocket.connect(to: "ws://\(server.address)/", options: options)
    // end
    try await ws.close()
    await server.shutdown()
}

func own(_ url: String, _ heir: PID) async throws {
    // guide: transfer
    let ws = try await WebSocket.connect(to: url)
    await ws.transfer(to: heir)
    // end
}
