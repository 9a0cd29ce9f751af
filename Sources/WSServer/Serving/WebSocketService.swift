internal import WSConnection
internal import WSProtocol

/// WebSockets as one route serves them: who is let in, and what is run for them.
struct WebSocketService: Sendable {
    let handling: ServerSettings.Handling
    let authorize: Authorization.Hook?
    let connection: ConnectionOptions
    private let rules: ServerHandshake.Rules

    /// - Throws: `.invalidConfiguration` for options that nobody could be served with.
    init(_ handling: ServerSettings.Handling, _ options: ServerOptions) throws(WebSocketError) {
        try options.check()
        if options.receivesInPieces, case .perMessage = handling {
            throw WebSocketError(
                .invalidConfiguration,
                "receivesInPieces with a handler of whole messages (onMessage); give one that takes recvStream")
        }
        self.handling = handling
        authorize = options.authorize
        connection = ConnectionOptions(
            limits: options.limits, recvTimeout: options.recvTimeout, closeTimeout: options.closeTimeout,
            timing: options.timing, receivesInPieces: options.receivesInPieces)
        rules = ServerHandshake.Rules(
            origin: options.origins, subprotocols: options.subprotocols, compression: options.compression)
    }

    /// Judges a request by the rules of the protocol and of this route.
    ///
    /// - Parameter origin: what the client sees, where a trusted proxy says so.
    func evaluate(_ head: RequestHead, isTLS: Bool, _ origin: WebOrigin?) -> ServerHandshake.Verdict {
        var rules = rules
        rules.externalOrigin = origin
        rules.isTLS = isTLS
        return ServerHandshake.evaluate(head, rules: rules)
    }
}
