import WSServer
import WSTopics

func chatByTopics() async throws -> WebSocketServer {
    // guide: topics
    let topics = Topics()
    let server = try await WebSocketServer.listen(port: 0) { ws in
        let room = ws.request?.path ?? "/"
        try topics.subscribe(ws, to: room)
        for try await message in ws {
            topics.publish(message, to: room, except: ws)
        }
    }
    // end
    return server
}

func publishPrices(_ topics: Topics, _ price: String) async {
    // guide: topics-policies
    // Who cannot keep up misses it: the next price makes this one out of date anyway.
    topics.publish(.text(price), to: "prices", slowReaders: .dropMessage)

    // Nobody may miss one: who cannot keep up is closed with 1013, and comes back.
    topics.publish(.text(price), to: "trades", slowReaders: .dropConnection)

    // Waits until all have room, at most 5 s, and says how many got it.
    let delivery = await topics.publish(.text(price), to: "trades", slowReaders: .dropConnection, waiting: .seconds(5))
    print(delivery.delivered, delivery.connectionsDropped)
    // end
}

func sendToSome(_ connections: [WebSocket]) async throws {
    // guide: encoded
    let message = EncodedMessage(.text("the same for all of them"))
    for connection in connections { try await connection.send(message) }
    // end
}
