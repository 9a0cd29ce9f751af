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

    public init() {}

    /// What is wrong with them, if anything is.
    var objection: String? {
        if batch < 1 { return "drain.batch \(batch); at least 1 is needed" }
        if pause < .zero { return "drain.pause \(pause); it cannot be negative" }
        if handshakeGrace < .zero { return "drain.handshakeGrace \(handshakeGrace); it cannot be negative" }
        return nil
    }
}
