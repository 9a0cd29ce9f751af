/// How messages are compressed, with `permessage-deflate` (RFC 7692). Both ends have options of their own and agree in
/// the opening handshake.
///
/// What it costs: with context takeover a connection keeps, from the first compressed message on, about
/// 2^(`sendWindowBits` + 2) + 2^(`memoryLevel` + 9) bytes and 6 KiB to compress, and 2^`receiveWindowBits` bytes and 7 KiB
/// to inflate; by default some 50 KiB together. Without context takeover it keeps nothing between messages.
public struct CompressionOptions: Hashable, Sendable {
    /// How far back what we send may refer, as a power of two: 8 to 15, default 12. The peer may ask for less.
    public var sendWindowBits: Int
    /// How far back what we receive should refer: 8 to 15, default 12. The peer is asked for it; one that has no such
    /// parameter uses 15.
    public var receiveWindowBits: Int
    /// Whether what we send may refer to earlier messages; default yes. It makes small messages that are alike much smaller,
    /// and costs memory for as long as the connection lasts. The peer may forbid it.
    public var sendContextTakeover: Bool
    /// Whether what we receive may refer to earlier messages; default yes.
    public var receiveContextTakeover: Bool
    /// The bytes from which on a message is compressed; default 256. Where a message is sent in fragments, the first of them
    /// decides.
    public var threshold: Int
    /// zlib's level, from 0, none, and 1, fast, to 9, small; default 6.
    public var level: Int
    /// zlib's memory level, 1 to 9, default 5.
    public var memoryLevel: Int
    /// What a client offers, the most wanted first; default `nil`: what the other options come to. A server has no offers.
    ///
    /// There are servers and gateways that refuse every parameter: `[.bare]` is for them. What is sent still follows the other
    /// options, since a smaller window and a fresh start need nobody's consent; what is received follows the answer alone.
    public var offers: [CompressionOffer]?

    public init(
        sendWindowBits: Int = 12, receiveWindowBits: Int = 12, sendContextTakeover: Bool = true,
        receiveContextTakeover: Bool = true, threshold: Int = 256, level: Int = 6, memoryLevel: Int = 5,
        offers: [CompressionOffer]? = nil
    ) {
        self.sendWindowBits = sendWindowBits
        self.receiveWindowBits = receiveWindowBits
        self.sendContextTakeover = sendContextTakeover
        self.receiveContextTakeover = receiveContextTakeover
        self.threshold = threshold
        self.level = level
        self.memoryLevel = memoryLevel
        self.offers = offers
    }

    /// With no window below the smallest there is: what goes on the wire must be right, whatever the caller gave.
    var withWindowsInRange: CompressionOptions {
        var options = self
        options.sendWindowBits = max(8, sendWindowBits)
        options.receiveWindowBits = max(8, receiveWindowBits)
        return options
    }

    /// What is wrong with the options, in words, or `nil` when nothing is.
    public var objection: String? {
        let values = [
            ("sendWindowBits", sendWindowBits, 8...15), ("receiveWindowBits", receiveWindowBits, 8...15),
            ("threshold", threshold, 0...Int.max), ("level", level, 0...9), ("memoryLevel", memoryLevel, 1...9),
        ]
        for (name, value, allowed) in values where !allowed.contains(value) {
            return name == "threshold"
                ? "compression.threshold \(value); allowed are 0 and more"
                : "compression.\(name) \(value); allowed are \(allowed.lowerBound) to \(allowed.upperBound)"
        }
        guard let offers else { return nil }
        // Each may be judged in an answer, and all stand in one line of the request.
        guard (1...CompressionOptions.mostOffers).contains(offers.count) else {
            return "\(offers.count) compression offers; allowed are 1 to \(CompressionOptions.mostOffers), and nil for the default"
        }
        return offers.lazy.compactMap(\.objection).first
    }

    private static let mostOffers = 16
}
