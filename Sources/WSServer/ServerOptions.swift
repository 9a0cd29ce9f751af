public import Actors
public import HansomHTTP
public import HansomTransport
public import Logging
public import WSConnection
public import WSProtocol

/// How a server listens and what it grants its connections. Every limit has a default that is safe to run with.
public struct ServerOptions: Sendable {
    /// What bounds each connection; see `WebSocket.Limits`.
    public var limits = WebSocket.Limits()
    /// Bytes that all connections of the server together may hold of what has come in: unfinished messages, and what
    /// waits to be received. At least twice `limits.messageSize`; default `nil`: 256 MiB, or four times
    /// `limits.messageSize` if that is more.
    ///
    /// A connection counts with what it holds in whole steps of 64 KiB, so that those with less never do. At the bound
    /// those that count stop reading until a quarter is free. When there was no room for a second, the largest
    /// unfinished messages are given up, and their connections closed with 1013, until a quarter is free. A connection
    /// that is taken over from another server counts by itself.
    public var totalBytes: Int?
    /// TLS with this certificate; `nil`: plain.
    public var tls: TLSServerOptions?
    /// Which origins may connect; default: none given, or the server's own (RFC 6455 section 10.2).
    public var origins: OriginPolicy = .sameOrigin
    /// As which hosts the server may be asked: `example.com`, `localhost:8080`, `[::1]`, or `*.example.com` for every
    /// name below; without a port, at any. Default `nil`: any.
    ///
    /// A page whose name was made to lead to this machine (DNS rebinding) has the server's own origin by every other
    /// measure: give the hosts of a server that listens inside a network or on the loopback address. A request for
    /// another is answered with 421 (RFC 9110 section 15.5.20); `Routes.health` and `Routes.readiness`, which are asked
    /// by address, answer any. Where a trusted proxy says which host the client sees, that counts.
    public var allowedHosts: [String]?
    /// Who must say in front of each connection for whom it is (the PROXY protocol of HAProxy, versions 1 and 2);
    /// default: nobody. With any range here, connections of others and those that begin otherwise are dropped: a server
    /// that guessed would let clients say who they are. What the header says becomes `peerAddress` and `localAddress`;
    /// where it says that the client spoke TLS, the origin is compared as `https`.
    public var proxyProtocol: [IPRange] = []
    /// Whose forwarded headers are believed: which client asks (`clientAddress`), and which scheme, host and port it
    /// sees, which `.sameOrigin` compares with; default: nobody's. The proxies must set the headers themselves or
    /// remove them.
    public var trustedProxies: [IPRange] = []
    /// Which headers those are; default `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`.
    public var forwardedHeaders: ForwardedHeaders = .xForwarded
    /// Where is logged what becomes of handshakes: refused ones and those that fail as info, peers that may not speak
    /// the PROXY protocol as notice, connections as debug, and that there is no room for newcomers as warning. At most
    /// 100 lines a second, then their number. Nothing is logged of messages, credentials or queries.
    ///
    /// Default `nil`: notices and warnings, with the label `hansom.server`.
    public var logger: Logger?
    /// What is told of each finished connection, refused handshake, failed TLS handshake and HTTP answer; default:
    /// nothing.
    public var accessLog: AccessLog?
    /// How a subprotocol is chosen; default: none is.
    public var subprotocols: SubprotocolPolicy = .none
    /// How messages are compressed for clients that offer it (RFC 7692); default: not at all.
    public var compression: CompressionOptions?
    /// Who may open a WebSocket and be answered by a route; default: everybody.
    ///
    /// The hook is asked when a request is well-formed and something stands at its path, before a body is read; not for
    /// `Routes.health` and `Routes.readiness`. It runs as a process of its own, and its time is not the peer's: the
    /// clock of `handshakeTimeout` stands still.
    public var authorize: Authorization.Hook?
    /// How long `authorize` may take before the answer is 503; default 10 s.
    public var authorizeTimeout: Duration = .seconds(10)
    /// How long a route may take to make an answer before it is cancelled and the answer is 503; default 30 s.
    public var routeTimeout: Duration = .seconds(30)
    /// How long a connection may wait for a further request after an answer; default 60 s. Such connections count among
    /// `maxConnections`, not among `maxHandshakes`.
    public var keepAliveTimeout: Duration = .seconds(60)
    /// Requests on one connection, after which it is ended; default 1,000.
    public var maxRequestsPerConnection = 1000
    /// Bytes of a request's body; default 64 KiB. More is answered with 413.
    public var maxBodySize = 64 << 10
    /// How much of the head of a request is read; default: lines of 8 KiB, 100 of them, and 64 KiB in all. More is
    /// answered with 431, or 414 for the request line. The trailers of a body have the same bounds.
    public var headLimits = HeadLimits()
    /// How long TLS and the HTTP head may take together; default 10 s. A later head on the same connection, from its
    /// first byte on, and a body have as much each.
    public var handshakeTimeout: Duration = .seconds(10)
    /// How long a peer may take to end a connection that is being closed; default 10 s.
    public var closeTimeout: Duration = .seconds(10)
    /// How often a peer is pinged, to find out whether it is still there and how far away it is (`latency`); default 20
    /// s, `nil`: never.
    public var pingInterval: Duration? = .seconds(20)
    /// How long a peer may be silent after such a ping before its connection is lost; default 20 s, `nil`: as long as
    /// it likes. Anything that arrives counts, a part of a message too.
    public var pingTimeout: Duration? = .seconds(20)
    /// How long nothing may arrive, pongs included, before a connection ends; default 120 s, `nil`: no limit.
    /// `setIdleTimeout` changes it for one connection.
    public var idleTimeout: Duration? = .seconds(120)
    /// How long a peer may take nothing of what waits to be written before it is cut; default 30 s, `nil`: no limit.
    public var writeTimeout: Duration? = .seconds(30)
    /// How long a message may take from its first byte to its last; default: no limit. More is answered with 1008.
    public var messageTimeout: Duration?
    /// How long `recv()` waits in a handler; default: without end.
    public var recvTimeout: Duration?
    /// Whether all messages are received in pieces, from the first one on; default: no, they are received whole.
    ///
    /// Then no more than `limits.inboundBytes` of a message is held at a time, however early or large it comes, and
    /// `limits.streamedMessageSize` bounds the whole. Messages are taken with `recvStream`; `recv`, iteration, active
    /// modes and message handlers, which would hold a whole one, are refused.
    public var receivesInPieces = false
    /// Connections at once; at the limit the server stops accepting and the backlog absorbs. Default 100,000.
    public var maxConnections = 100_000
    /// Handshakes at once; more wait in the backlog. Default 1,024.
    ///
    /// Half-open ones keep nobody out: while somebody waits, the oldest that has said nothing for half a second is
    /// dropped, or else the oldest that has let the server wait for a second; so it is where handshakes fill
    /// `maxConnections`.
    public var maxHandshakes = 1024
    /// Connections and handshakes at once of one peer address; more are closed as they come, without an answer. An IPv6
    /// peer is its first 64 bits. Default `nil`: any number, since many people may share an address, and behind a proxy
    /// all of them do. Peers on Unix-domain sockets are not counted. With `proxyProtocol` the client counts that the
    /// header names, once it has come.
    public var maxConnectionsPerPeer: Int?
    /// Connections that the kernel may hold for the server to accept; default 1,024.
    public var backlog = 1024
    /// Whether other processes may listen on the same port (SO_REUSEPORT); default no.
    public var reusesPort = false
    /// The mode of a Unix-domain socket's file; `nil`: as the umask says.
    package var unixSocketMode: UInt32?
    /// How `shutdown` says goodbye.
    public var drain = DrainOptions()
    /// The schedulers that connections are spread over; default: the shared group.
    public var schedulers: SchedulerGroup {
        get { ownSchedulers ?? .shared }
        set { ownSchedulers = newValue }
    }

    /// How connections are accepted; tests have a system call that fails.
    package var accept: @Sendable (Int32) throws(SystemError) -> (descriptor: Int32, peer: SocketAddress?)? = {
        (listener) throws(SystemError) in try Socket.accept(listener)
    }

    // The shared group starts its threads at first use, so it is not named before.
    private var ownSchedulers: SchedulerGroup?

    // What `WSServerTelemetry` fills.
    package var tracing: (any ServerTracing)?
    package var measuring: (any ServerMeasuring)?

    /// The defaults: without TLS, and of web pages only those of the server's own origin may connect.
    public init() {}

    /// The defaults, but for what `change` sets: `listen(port: 8080, options: .with { $0.maxConnections = 100 })`.
    ///
    /// - Throws: what `change` throws.
    public static func with(_ change: (inout ServerOptions) throws -> Void) rethrows -> ServerOptions {
        try ServerOptions().with(change)
    }

    /// These options, but for what `change` sets.
    ///
    /// - Throws: what `change` throws.
    public func with(_ change: (inout ServerOptions) throws -> Void) rethrows -> ServerOptions {
        var options = self
        try change(&options)
        return options
    }

    /// Refuses what no server could run with, rather than listen and serve nobody.
    func check() throws(WebSocketError) {
        let counts = [
            ("maxConnections", maxConnections), ("maxHandshakes", maxHandshakes), ("backlog", backlog),
            ("maxRequestsPerConnection", maxRequestsPerConnection),
            ("maxConnectionsPerPeer", maxConnectionsPerPeer ?? 1),
        ]
        for (name, count) in counts where count < 1 {
            throw WebSocketError(.invalidConfiguration, "\(name) \(count); at least 1 is needed")
        }
        if let totalBytes, totalBytes / 2 < limits.messageSize {
            throw WebSocketError(
                .invalidConfiguration,
                "totalBytes \(totalBytes); at least twice messageSize is needed, which is \(limits.messageSize)")
        }
        guard maxBodySize >= 0 else {
            throw WebSocketError(.invalidConfiguration, "maxBodySize \(maxBodySize); at least 0 is needed")
        }
        let times = [
            ("handshakeTimeout", handshakeTimeout), ("closeTimeout", closeTimeout),
            ("authorizeTimeout", authorizeTimeout), ("routeTimeout", routeTimeout),
            ("keepAliveTimeout", keepAliveTimeout),
        ]
        for (name, time) in times where time <= .zero {
            throw WebSocketError(.invalidConfiguration, "\(name) \(time); more than none is needed")
        }
        if let objection = drain.objection ?? compression?.objection ?? headLimits.objection ?? origins.objection
            ?? subprotocols.objection
        {
            throw WebSocketError(.invalidConfiguration, objection)
        }
        _ = try hosts()
        try timing.check()
    }

    /// `totalBytes`, or what it is by default.
    var totalBound: Int { totalBytes ?? max(256 << 20, limits.messageSize > .max / 4 ? .max : limits.messageSize * 4) }

    /// `allowedHosts`, read.
    func hosts() throws(WebSocketError) -> AllowedHosts? {
        guard let allowedHosts else { return nil }
        do throws(AllowedHosts.Flaw) {
            return try AllowedHosts(allowedHosts)
        } catch {
            throw WebSocketError(.invalidConfiguration, error.reason)
        }
    }

    /// What each connection is told of time.
    var timing: Timing {
        Timing(
            pingInterval: pingInterval, pingTimeout: pingTimeout, idleTimeout: idleTimeout, writeTimeout: writeTimeout,
            messageTimeout: messageTimeout)
    }
}

/// How a server says goodbye when it shuts down in good order.
///
/// Clients that lose their connection come back, so they are told in batches, at times that chance varies: those of a
/// server with many do not all stand at the next one's door in the same moment.
public struct DrainOptions: Sendable, Hashable {
    /// How many connections of a scheduler are told 1001 at once; default 256.
    public var batch = 256
    /// How long between one batch and the next, on average; each pause is half to one and a half times as long.
    /// Default 100 ms. It is made shorter where all would not be told within half of the time that the shutdown has, so
    /// that the last ones have the other half to end.
    public var pause: Duration = .milliseconds(100)
    /// How long handshakes that are under way may still take; default none: they are dropped. Give them a second or so
    /// where another server takes over the listening socket, so that nobody is turned away. Whoever gets through is
    /// told 1001 at once.
    public var handshakeGrace: Duration = .zero

    /// The defaults: 256 connections of a scheduler at once, some 100 ms apart, and no time for handshakes.
    public init() {}

    /// What is wrong with them, if anything is.
    var objection: String? {
        if batch < 1 { return "drain.batch \(batch); at least 1 is needed" }
        if pause < .zero { return "drain.pause \(pause); it cannot be negative" }
        if handshakeGrace < .zero { return "drain.handshakeGrace \(handshakeGrace); it cannot be negative" }
        return nil
    }
}
