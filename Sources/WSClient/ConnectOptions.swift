public import Actors
public import HTTPTypes
public import HansomTransport
public import WSConnection

/// How a client connects, and what it grants the connection.
public struct ConnectOptions: Sendable {
    /// How long connecting may take in all: name resolution, TCP, TLS and handshake; default 8 s, `nil`: no limit.
    public var connectTimeout: Duration?
    /// How long `recv()` waits; default: without end.
    public var recvTimeout: Duration?
    /// Further header fields of the request. Those that the handshake itself sends are refused.
    public var headers: HTTPFields
    /// Subprotocols to offer, most wanted first (RFC 6455 section 1.9).
    public var protocols: [String]
    /// What `subscribe` without a mode means; default `.off`.
    public var active: WebSocket.ActiveMode
    /// Verification, trust, certificate of a `wss` connection. Files are read at the first use of such options, and again
    /// only after sixteen others were used.
    public var tls: TLSClientOptions
    /// How long the peer may take to end a connection that is being closed; default 10 s.
    public var closeTimeout: Duration
    /// How often the peer is pinged, to find out whether it is still there and how far away it is (`latency`); default
    /// 20 s, `nil`: never.
    public var pingInterval: Duration? = .seconds(20)
    /// How long the peer may be silent after such a ping before the connection is lost; default 20 s, `nil`: as long as
    /// it likes. Anything that arrives counts, a part of a message too.
    public var pingTimeout: Duration? = .seconds(20)
    /// How long nothing may arrive, pongs included, before the connection ends; default: no limit. `setIdleTimeout`
    /// changes it later.
    public var idleTimeout: Duration?
    /// How long the peer may take nothing of what waits to be written before it is cut; default 30 s, `nil`: no limit.
    public var writeTimeout: Duration? = .seconds(30)
    /// How long a message may take from its first byte to its last; default: no limit. More is answered with 1008.
    public var messageTimeout: Duration?
    /// What bounds the connection; see `WebSocket.Limits`.
    public var limits: WebSocket.Limits
    /// The process that is to own the connection; default: the one that connects, if a process does.
    public var owner: PID?
    /// Where the connection is to live; default: the caller's scheduler, or one of the shared group's in turn.
    public var scheduler: Scheduler?

    public init(
        connectTimeout: Duration? = .seconds(8), recvTimeout: Duration? = nil, headers: HTTPFields = [:],
        protocols: [String] = [], active: WebSocket.ActiveMode = .off, tls: TLSClientOptions = .init(),
        closeTimeout: Duration = .seconds(10), limits: WebSocket.Limits = .init(), owner: PID? = nil, scheduler: Scheduler? = nil
    ) {
        self.connectTimeout = connectTimeout
        self.recvTimeout = recvTimeout
        self.headers = headers
        self.protocols = protocols
        self.active = active
        self.tls = tls
        self.closeTimeout = closeTimeout
        self.limits = limits
        self.owner = owner
        self.scheduler = scheduler
    }
}

extension ConnectOptions {
    /// What the connection is told of time.
    var timing: Timing {
        Timing(
            pingInterval: pingInterval, pingTimeout: pingTimeout, idleTimeout: idleTimeout, writeTimeout: writeTimeout,
            messageTimeout: messageTimeout)
    }
}
