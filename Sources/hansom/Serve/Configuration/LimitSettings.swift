internal import WSServer

/// The setting `limits` of a configuration file.
enum LimitSettings {
    static let names = [
        "messageSize", "frameSize", "fragments", "inboundMessages", "inboundBytes", "outboundBytes", "bodySize",
        "requestsPerConnection", "connections", "connectionsPerPeer", "handshakes", "backlog", "headLine", "headLines",
        "headSize", "inflationRatio", "totalBytes",
    ]

    /// Deflate makes nothing shorter than by the last of these.
    static let inflationRatios = 1...1032

    private static let count = 1...Int(Int32.max)

    static func read(_ section: ConfigurationSection, into options: inout ServerOptions) throws(CommandFailure) {
        try readConnection(section, into: &options.limits)
        if let size = try section.integer("headLine", count) { options.headLimits.maxLineBytes = size }
        if let most = try section.integer("headLines", count) { options.headLimits.maxLines = most }
        if let size = try section.integer("headSize", count) { options.headLimits.maxHeadBytes = size }
        if let size = try section.integer("bodySize", 0...Int(Int32.max)) { options.maxBodySize = size }
        if let most = try section.integer("requestsPerConnection", count) { options.maxRequestsPerConnection = most }
        if let most = try section.integer("totalBytes", 1...Int.max) { options.totalBytes = most }
        if let most = try section.integer("connections", count) { options.maxConnections = most }
        if let most = try section.integer("connectionsPerPeer", count) { options.maxConnectionsPerPeer = most }
        if let most = try section.integer("handshakes", count) { options.maxHandshakes = most }
        if let most = try section.integer("backlog", count) { options.backlog = most }
    }

    private static func readConnection(
        _ section: ConfigurationSection, into limits: inout WebSocket.Limits
    ) throws(CommandFailure) {
        if let size = try section.integer("messageSize", count) { limits.messageSize = size }
        if let size = try section.integer("frameSize", count) { limits.frameSize = size }
        if let most = try section.integer("fragments", count) { limits.fragments = most }
        if let most = try section.integer("inflationRatio", inflationRatios) { limits.inflationRatio = most }
        if let most = try section.integer("inboundMessages", count) { limits.inboundMessages = most }
        if let most = try section.integer("inboundBytes", count) { limits.inboundBytes = most }
        if let most = try section.integer("outboundBytes", count) {
            limits.outboundHighWater = most
            limits.outboundLowWater = min(limits.outboundLowWater, most / 2)
        }
    }
}
