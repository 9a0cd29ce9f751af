public import Actors
public import HansomTransport
public import WSConnection
public import WSProtocol

/// How a server listens and what it grants its connections. Every limit has a default that is safe to run with.
public struct ServerOptions: Sendable {
    /// What bounds each connection; see `WebSocket.Limits`.
    public var limits = WebSocket.Limits()
    /// TLS with this certificate; `nil`: plain.
    public var tls: TLSServerOptions?
    /// Which origins may connect; default: none given, or the server's own (RFC 6455 section 10.2).
    public var origins: OriginPolicy = .sameOrigin
    /// How a subprotocol is chosen; default: none is.
    public var subprotocols: SubprotocolPolicy = .none
    /// How long TLS and the HTTP head may take together; default 10 s.
    public var handshakeTimeout: Duration = .seconds(10)
    /// How long a peer may take to end a connection that is being closed; default 10 s.
    public var closeTimeout: Duration = .seconds(10)
    /// How long `recv()` waits in a handler; default: without end.
    public var recvTimeout: Duration?
    /// Connections at once; at the limit the server stops accepting and the backlog absorbs. Default 100,000.
    public var maxConnections = 100_000
    /// Handshakes at once; more wait in the backlog. Default 1,024.
    public var maxHandshakes = 1024
    /// Connections that the kernel may hold for the server to accept; default 1,024.
    public var backlog = 1024
    /// Whether other processes may listen on the same port (SO_REUSEPORT); default no.
    public var reusesPort = false
    /// The schedulers that connections are spread over; default: the shared group.
    public var schedulers: SchedulerGroup {
        get { ownSchedulers ?? .shared }
        set { ownSchedulers = newValue }
    }

    // The shared group starts its threads at first use, so it is not named before.
    private var ownSchedulers: SchedulerGroup?

    public init() {}

    /// Refuses what no server could run with, rather than listen and serve nobody.
    func check() throws(WebSocketError) {
        let counts = [("maxConnections", maxConnections), ("maxHandshakes", maxHandshakes), ("backlog", backlog)]
        for (name, count) in counts where count < 1 {
            throw WebSocketError(.invalidConfiguration, "\(name) \(count); at least 1 is needed")
        }
        for (name, time) in [("handshakeTimeout", handshakeTimeout), ("closeTimeout", closeTimeout)] where time <= .zero {
            throw WebSocketError(.invalidConfiguration, "\(name) \(time); more than none is needed")
        }
    }
}
