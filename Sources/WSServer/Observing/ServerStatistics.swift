public import WSConnection

/// How a server fares: what it holds now, and what has happened since it began.
///
///     let statistics = await server.statistics()
///     print(statistics.connections, statistics.traffic.framesReceived)
///
/// Nothing is counted for it while messages flow: what connections count for themselves is added up when it is asked for, a
/// few hundred at a time between other work. So its parts are not of one instant; but what is counted never goes back.
public struct ServerStatistics: Sendable, Hashable {
    /// How long the server has run.
    public internal(set) var uptime: Duration = .zero
    /// Connections that are open now.
    public internal(set) var connections = 0
    /// Handshakes that are under way now, and peers that were refused and have not gone yet.
    public internal(set) var handshakesUnderWay = 0
    /// Sockets that were dropped as they came, since their peer had `maxConnectionsPerPeer` already.
    public internal(set) var turnedAway: UInt64 = 0
    /// What waits in the connections.
    public internal(set) var queues = QueueDepths()
    /// What has ended, and what the connections that are open have carried.
    var tally = ServerTally()

    init() {}

    /// What came of the sockets that were accepted.
    public var handshakes: [HandshakeResult: UInt64] { tally.handshakes }
    /// How many connections there have been.
    public var connectionsAccepted: UInt64 { tally.handshakes[.accepted] ?? 0 }
    /// Requests that asked for no upgrade, by the status of their answers.
    public var answers: [Int: UInt64] { tally.answers }
    /// Connections that have ended, by their close codes: 1005 for a close without one, 1006 for a loss.
    public var closes: [WebSocket.CloseCode: UInt64] { tally.closes }
    /// Frames and payload bytes of all connections, those that have ended included.
    public var traffic: WebSocket.Counters { tally.traffic }
    /// How long handshakes took, from the accepted socket to their end.
    public var handshakeDurations: DurationHistogram { tally.handshakeDurations }
    /// How long connections lasted that have ended.
    public var connectionDurations: DurationHistogram { tally.connectionDurations }
}
