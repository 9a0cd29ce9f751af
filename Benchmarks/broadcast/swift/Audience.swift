import WSServer
import WSTopics

/// How many got a message, and how many did not.
struct Heard {
    var delivered = 0
    var dropped = 0

    mutating func add(_ other: Heard) {
        delivered += other.delivered
        dropped += other.dropped
    }
}

/// Those to whom a server says the same, in one of the ways that are compared.
protocol Audience: Sendable {
    func add(_ ws: WebSocket) async
    var count: Int { get async }
    func tell(_ message: WebSocket.Message) async -> Heard
}

/// A topic.
struct Topic: Audience {
    private let topics = Topics()

    func add(_ ws: WebSocket) async { _ = try? await topics.subscribe(ws, to: "all") }

    var count: Int { get async { topics.memberCount(of: "all") } }

    func tell(_ message: WebSocket.Message) async -> Heard {
        let delivery = await topics.publish(message, to: "all", waiting: .zero)
        return Heard(delivered: delivery.delivered, dropped: delivery.dropped)
    }
}

/// What one would write without topics. With `send` instead of `trySend` it would stop at the first that does not read.
actor Loop: Audience {
    private var connections: [WebSocket] = []

    func add(_ ws: WebSocket) { connections.append(ws) }

    var count: Int { connections.count }

    func tell(_ message: WebSocket.Message) async -> Heard {
        var heard = Heard()
        for connection in connections {
            if await connection.trySend(message) == .sent { heard.delivered += 1 } else { heard.dropped += 1 }
        }
        return heard
    }
}
