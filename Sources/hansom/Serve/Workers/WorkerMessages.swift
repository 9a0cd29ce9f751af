internal import FoundationEssentials
internal import HansomTransport
internal import WSServer

/// What a worker is told.
enum WorkerOrder: Codable, Sendable {
    /// Listen there. The first order, and given once.
    ///
    /// - Parameters:
    ///   - addresses: of each place in the settings.
    ///   - ticketKey: what TLS session tickets are made with, so that a client can take up at one worker the session that it had with
    ///     another.
    case serve(addresses: [[Address]], ticketKey: TLSTicketSecret)
    /// Say your numbers.
    case numbers
    /// Read certificates again, and open the access log again.
    case reload(ticketKey: TLSTicketSecret)

    /// An address in numbers.
    struct Address: Codable, Sendable, Equatable {
        let host: String
        let port: Int
    }
}

/// What a worker tells. Orders are answered in their order.
enum WorkerReport: Codable, Sendable {
    /// It listens.
    case serving(Serving)
    /// Its numbers, in Prometheus's format.
    case numbers(String)
    /// It has reloaded, or could not.
    case reloaded(flaw: String?)

    struct Serving: Codable, Sendable {
        /// Its number in the system.
        let process: Int32
        /// Where it listens, as one connects to it.
        let names: [String]
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
