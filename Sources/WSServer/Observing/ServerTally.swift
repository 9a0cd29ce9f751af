internal import WSConnection

/// What has happened on one scheduler of a server: counted when a handshake or a connection ends, never for a message.
struct ServerTally: Sendable, Hashable {
    private(set) var handshakes: [HandshakeResult: UInt64] = [:]
    private(set) var answers: [Int: UInt64] = [:]
    private(set) var closes: [WebSocket.CloseCode: UInt64] = [:]
    /// Of connections that have ended.
    private(set) var traffic = WebSocket.Counters()
    private(set) var handshakeDurations = DurationHistogram.ofHandshakes
    private(set) var connectionDurations = DurationHistogram.ofConnections

    mutating func handshakeEnded(_ result: HandshakeResult, after time: Duration) {
        handshakes[result, default: 0] += 1
        handshakeDurations.record(time)
    }

    /// A request that was answered and asked for no upgrade.
    mutating func answered(_ status: Int) { answers[status, default: 0] += 1 }

    mutating func connectionEnded(_ code: WebSocket.CloseCode, _ counters: WebSocket.Counters, after time: Duration) {
        closes[code, default: 0] += 1
        traffic.add(counters)
        connectionDurations.record(time)
    }

    /// Adds what connections have carried that are open.
    mutating func addTraffic(_ counters: WebSocket.Counters) { traffic.add(counters) }

    mutating func add(_ other: ServerTally) {
        handshakes.merge(other.handshakes, uniquingKeysWith: +)
        answers.merge(other.answers, uniquingKeysWith: +)
        closes.merge(other.closes, uniquingKeysWith: +)
        traffic.add(other.traffic)
        handshakeDurations.add(other.handshakeDurations)
        connectionDurations.add(other.connectionDurations)
    }
}

extension WebSocket.Counters {
    mutating func add(_ other: WebSocket.Counters) {
        framesReceived &+= other.framesReceived
        framesSent &+= other.framesSent
        bytesReceived &+= other.bytesReceived
        bytesSent &+= other.bytesSent
    }
}
