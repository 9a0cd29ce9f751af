public import WSConnection

/// How a client reconnects.
public struct ReconnectOptions: Sendable {
    /// Waiting before each further attempt: a random time (full jitter) below a bound that doubles with each failure in a
    /// row, so that many clients that lost one server do not return together.
    public struct Backoff: Sendable, Hashable {
        /// The most that the first wait can be; default 500 ms.
        public var first: Duration
        /// The most that any wait can be, one that a server asks for by `Retry-After` too; default 30 s.
        public var most: Duration
        /// How many further attempts may follow one another without a connection that held; default `nil`: any number.
        /// 0: none.
        public var limit: Int?

        public init(first: Duration = .milliseconds(500), most: Duration = .seconds(30), limit: Int? = nil) {
            self.first = first
            self.most = most
            self.limit = limit
        }
    }

    /// How each connection is made; its `connectTimeout` is the deadline of one attempt. The client itself is the owner of
    /// each connection, whatever `owner` says, and lives on `scheduler` with them.
    public var connect: ConnectOptions
    /// How long it waits between attempts, and how often it tries.
    public var backoff: Backoff
    /// How long all attempts together may take, waits included, from the start or from the loss of a connection that held;
    /// default: as long as it takes.
    public var totalTimeout: Duration?
    /// How long a connection must last to count as one that held: the next failure is then the first again. Default 10 s.
    public var steadyAfter: Duration
    /// Whether to try again after an error; default: `WebSocketError.mayPass`. Asked for failed attempts and lost
    /// connections, on the client's thread; not when the client itself is to end.
    public var retries: @Sendable (WebSocketError) -> Bool = { $0.mayPass }
    /// Numbers for the jitter, each as likely as any other.
    var randomness: @Sendable () -> UInt64 = { .random(in: 0 ... .max) }

    public init(
        connect: ConnectOptions = .init(), backoff: Backoff = .init(), totalTimeout: Duration? = nil,
        steadyAfter: Duration = .seconds(10)
    ) {
        self.connect = connect
        self.backoff = backoff
        self.totalTimeout = totalTimeout
        self.steadyAfter = steadyAfter
    }
}

extension ReconnectOptions {
    /// What can be found wrong before anything is tried.
    func check() throws(WebSocketError) {
        guard backoff.first >= .zero, backoff.most >= .zero, backoff.limit ?? 0 >= 0 else {
            throw WebSocketError(.invalidConfiguration, "a backoff cannot be negative: \(backoff)")
        }
    }
}
