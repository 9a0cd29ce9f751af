internal import WSConnection
internal import WSProtocol

/// What is noted of one conversation while it goes on: when it began, and the request that is being answered.
struct Visit {
    /// When the socket was accepted, or since the last answer the next request came, in the scheduler's nanoseconds.
    var beganAt: UInt64
    /// The request that is being answered; `nil` before the first head and between two.
    var request: RequestHead?
    /// Who asks, as far as is known and trusted.
    var client: SocketAddress?
    var trace: (any ConnectionTrace)?
    /// Whether something of it was counted already: the end of such a visit is no event.
    var isCounted = false
}
