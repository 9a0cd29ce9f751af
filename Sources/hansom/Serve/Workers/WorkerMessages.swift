internal import FoundationEssentials
internal import WSServer

/// What a worker is told.
enum WorkerOrder: Codable, Sendable {
    /// Listen there. The first order, and given once.
    ///
    /// - Parameter ticketKey: encrypts TLS session tickets, so that a client can take up at one worker the session that it
    ///   had with another.
    case serve(host: String, port: Int, ticketKey: [UInt8])
}

/// What a worker tells.
enum WorkerReport: Codable, Sendable {
    /// It listens.
    case serving(Serving)

    struct Serving: Codable, Sendable {
        /// Its number in the system.
        let process: Int32
        /// As one connects to it.
        let address: String
        let maxConnections: Int
    }
}

/// Orders and reports are messages of JSON.
enum WorkerMessage {
    static func encode(_ value: some Encodable) throws -> WebSocket.Message {
        .text(String(decoding: try JSONEncoder().encode(value), as: UTF8.self))
    }

    static func decode<Value: Decodable>(_ message: WebSocket.Message, as type: Value.Type) throws -> Value {
        guard case .text(let text) = message else { throw CommandFailure("a worker's channel carries text only") }
        return try JSONDecoder().decode(type, from: Data(text.utf8))
    }
}
