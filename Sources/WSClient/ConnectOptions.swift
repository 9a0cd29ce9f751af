public import Actors
public import HTTPTypes
public import HansomHTTP
public import HansomTransport
public import WSConnection
public import WSProtocol

/// How a client connects, and what it grants the connection.
public struct ConnectOptions: Sendable {
    /// Finds the addresses of a name, most wanted first.
    public typealias Resolver = @Sendable (_ host: String, _ port: Int) async throws -> [SocketAddress]

    /// How long connecting may take in all: name resolution, TCP, proxy, TLS, handshake and redirects; default 8 s,
    /// `nil`: no limit.
    public var connectTimeout: Duration?
    /// How long each step of it may take; default: no limits of their own.
    public var timeouts = ConnectTimeouts()
    /// How long `recv()` waits; default: without end.
    public var recvTimeout: Duration?
    /// How long the server may send nothing: while its answer's head is awaited, and then, unless `idleTimeout` says
    /// otherwise, while the connection lasts. Default: no limit of its own.
    public var readIdleTimeout: Duration?
    /// How long the server may take none of the request's bytes; default: no limit of its own.
    public var writeIdleTimeout: Duration?
    /// Further header fields of the request. Those that the handshake itself sends are refused.
    public var headers: HTTPFields
    /// How much of the head of an answer is read, the server's and a proxy's; default: lines of 8 KiB, 100 of them, and
    /// 64 KiB in all. A 101 beyond that is refused; of any other answer what is beyond is left out.
    public var headLimits = HeadLimits()
    /// Subprotocols to offer, most wanted first (RFC 6455 section 1.9).
    public var subprotocols: [String]
    /// What `Host` says (RFC 9110 section 7.2); default: the URL's host and port. For one server of several behind one
    /// address, or behind a Unix-domain socket. A redirect to another origin leaves it behind. Whom a certificate must
    /// name is `tls.serverName`.
    public var hostHeader: String?
    /// What `subscribe` without a mode means; default `.off`.
    public var active: WebSocket.ActiveMode
    /// Verification, trust, certificate of a `wss` connection. Files are read at the first use of such options, and
    /// again only after sixteen others were used.
    public var tls: TLSClientOptions
    /// Which proxy to go through; default: what the environment says.
    public var proxy = ProxyChoice.environment
    /// How far to follow a server that sends the client elsewhere; default: ten times, and never from `wss` to `ws`.
    public var redirects = Redirects()
    /// Where cookies are kept and taken from; default: nowhere.
    public var cookies: CookieJar?
    /// What the TCP socket is told: local address, `TCP_NODELAY`, keepalive, buffers.
    public var socket = SocketOptions()
    /// How long one address may take before the next one is tried beside it; default 250 ms (RFC 8305 section 8).
    public var attemptDelay: Duration = .milliseconds(250)
    /// Finds addresses in place of the system; default: the system's resolver, on a thread that may block.
    public var resolver: Resolver?
    /// How long the peer may take to end a connection that is being closed; default 10 s.
    public var closeTimeout: Duration
    /// How often the peer is pinged, to find out whether it is still there and how far away it is (`latency`); default
    /// 20 s, `nil`: never.
    public var pingInterval: Duration? = .seconds(20)
    /// How long the peer may be silent after such a ping before the connection is lost; default 20 s, `nil`: as long as
    /// it likes. Anything that arrives counts, a part of a message too.
    public var pingTimeout: Duration? = .seconds(20)
    /// How long nothing may arrive, pongs included, before the connection ends; default: as `readIdleTimeout`.
    /// `setIdleTimeout` changes it later.
    public var idleTimeout: Duration?
    /// How long the peer may take nothing of what waits to be written before it is cut; default 30 s, `nil`: no limit.
    public var writeTimeout: Duration? = .seconds(30)
    /// How long a message may take from its first byte to its last; default: no limit. More is answered with 1008.
    public var messageTimeout: Duration?
    /// How messages are compressed, if the server agrees (RFC 7692); default: not at all.
    public var compression: CompressionOptions?
    /// What bounds the connection; see `WebSocket.Limits`.
    public var limits: WebSocket.Limits
    /// Whether all messages are received in pieces, from the first one on; default: no, they are received whole.
    ///
    /// Then no more than `limits.inboundBytes` of a message is held at a time, however early or large it comes, and
    /// `limits.streamedMessageSize` bounds the whole. Messages are taken with `recvStream`; `recv`, iteration, active
    /// modes and message handlers, which would hold a whole one, are refused.
    public var receivesInPieces = false
    /// Is told of each opening handshake as it goes, on the connection's scheduler: redirects' and refused ones too.
    package var onHandshake: (@Sendable (HandshakeStep) -> Void)?
    /// The process that is to own the connection; default: the one that connects, if a process does.
    public var owner: PID?
    /// Where the connection is to live; default: the caller's scheduler, or one of the shared group's in turn.
    public var scheduler: Scheduler?

    /// The options that are set most often. All others are at their defaults, and can be set afterwards, or by `with`.
    ///
    /// Nothing is checked here: `connect` does that.
    public init(
        connectTimeout: Duration? = .seconds(8), recvTimeout: Duration? = nil, headers: HTTPFields = [:],
        subprotocols: [String] = [], active: WebSocket.ActiveMode = .off, tls: TLSClientOptions = .init(),
        closeTimeout: Duration = .seconds(10), limits: WebSocket.Limits = .init(), owner: PID? = nil,
        scheduler: Scheduler? = nil
    ) {
        self.connectTimeout = connectTimeout
        self.recvTimeout = recvTimeout
        self.headers = headers
        self.subprotocols = subprotocols
        self.active = active
        self.tls = tls
        self.closeTimeout = closeTimeout
        self.limits = limits
        self.owner = owner
        self.scheduler = scheduler
    }

    /// The defaults, but for what `change` sets: `connect(to: url, options: .with { $0.pingInterval = nil })`.
    ///
    /// - Throws: what `change` throws.
    public static func with(_ change: (inout ConnectOptions) throws -> Void) rethrows -> ConnectOptions {
        try ConnectOptions().with(change)
    }

    /// These options, but for what `change` sets.
    ///
    /// - Throws: what `change` throws.
    public func with(_ change: (inout ConnectOptions) throws -> Void) rethrows -> ConnectOptions {
        var options = self
        try change(&options)
        return options
    }
}

extension ConnectOptions {
    /// What `subprotocols` was called before.
    @available(*, deprecated, renamed: "subprotocols")
    public var protocols: [String] {
        get { subprotocols }
        set { subprotocols = newValue }
    }

    /// What the initialiser was before `subprotocols` had that name.
    @available(
        *, deprecated,
        renamed: "init(connectTimeout:recvTimeout:headers:subprotocols:active:tls:closeTimeout:limits:owner:scheduler:)"
    )
    public init(
        connectTimeout: Duration? = .seconds(8), recvTimeout: Duration? = nil, headers: HTTPFields = [:],
        protocols: [String], active: WebSocket.ActiveMode = .off, tls: TLSClientOptions = .init(),
        closeTimeout: Duration = .seconds(10), limits: WebSocket.Limits = .init(), owner: PID? = nil,
        scheduler: Scheduler? = nil
    ) {
        self.init(
            connectTimeout: connectTimeout, recvTimeout: recvTimeout, headers: headers, subprotocols: protocols,
            active: active, tls: tls, closeTimeout: closeTimeout, limits: limits, owner: owner, scheduler: scheduler)
    }

    /// What the connection is told of time.
    var timing: Timing {
        Timing(
            pingInterval: pingInterval, pingTimeout: pingTimeout, idleTimeout: idleTimeout ?? readIdleTimeout,
            writeTimeout: writeTimeout, messageTimeout: messageTimeout)
    }
}

/// How long each step of connecting may take, beside `connectTimeout` for all of them together.
///
/// A redirect begins every step anew.
public struct ConnectTimeouts: Sendable, Hashable {
    /// Finding the addresses of a name. Default: no limit of its own, as for all of these.
    public var resolution: Duration? = nil
    /// Until one of the addresses, the server's or the proxy's, has taken the TCP connection.
    public var tcp: Duration? = nil
    /// Until the proxy has made the way to the server; TLS with the proxy included.
    public var proxy: Duration? = nil
    /// The TLS handshake with the server.
    public var tls: Duration? = nil
    /// The WebSocket handshake, from the request's first byte to the end of the answer.
    public var handshake: Duration? = nil
    /// From the request's last byte to the end of the answer's head.
    public var responseHead: Duration? = nil

    /// No step has a limit of its own.
    public init() {}
}
