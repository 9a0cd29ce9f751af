internal import ArgumentParser
internal import HansomHTTP
internal import WSClient
internal import WSProtocol

/// How much of what a peer sends is taken: by a server of its clients, by a client of its server.
struct LimitArguments: ParsableArguments {
    @OptionGroup var messages: MessageLimitArguments

    @Option(
        name: .customLong("max-head-line"),
        help: ArgumentHelp(
            "Accept lines of so many bytes in the head of the handshake, a cookie or a token. (default: 8192)",
            valueName: "bytes"))
    var lineBytes: Int?

    @Option(
        name: .customLong("max-head-lines"),
        help: ArgumentHelp("Accept so many fields there. (default: 100)", valueName: "count"))
    var lines: Int?

    @Option(
        name: .customLong("max-head-size"),
        help: ArgumentHelp("Accept heads of so many bytes in all. (default: 65536)", valueName: "bytes"))
    var headBytes: Int?

    @Option(
        name: .customLong("max-inflation-ratio"),
        help: ArgumentHelp(
            "Take no compressed message that becomes more times longer, and longer than 64 KiB. (default: any)",
            valueName: "times"))
    var inflationRatio: Int?

    func validate() throws {
        try OptionRange.check("--max-head-line", lineBytes, 1...Int(Int32.max))
        try OptionRange.check("--max-head-lines", lines, 1...Int(Int32.max))
        try OptionRange.check("--max-head-size", headBytes, 1...Int(Int32.max))
        try OptionRange.check("--max-inflation-ratio", inflationRatio, LimitSettings.inflationRatios)
    }

    func apply(to limits: inout WebSocket.Limits, _ head: inout HeadLimits) {
        messages.apply(to: &limits)
        if let inflationRatio { limits.inflationRatio = inflationRatio }
        if let lineBytes { head.maxLineBytes = lineBytes }
        if let lines { head.maxLines = lines }
        if let headBytes { head.maxHeadBytes = headBytes }
    }
}

/// What a message may have.
struct MessageLimitArguments: ParsableArguments {
    @Option(
        name: .customLong("max-message-size"),
        help: ArgumentHelp(
            "Take messages of so many bytes; a longer one ends the connection with 1009. (default: 1048576)",
            valueName: "bytes"))
    var messageSize: Int?

    @Option(
        name: .customLong("max-fragments"),
        help: ArgumentHelp("Take messages of so many frames. (default: 1024)", valueName: "count"))
    var fragments: Int?

    func validate() throws {
        try OptionRange.check("--max-message-size", messageSize, 1...Int(Int32.max))
        try OptionRange.check("--max-fragments", fragments, 1...Int(Int32.max))
    }

    func apply(to limits: inout WebSocket.Limits) {
        if let messageSize { limits.messageSize = messageSize }
        if let fragments { limits.fragments = fragments }
    }
}

/// Whether the number behind an option is allowed.
enum OptionRange {
    static func check(_ option: String, _ value: Int?, _ allowed: ClosedRange<Int>) throws {
        guard let value, !allowed.contains(value) else { return }
        throw ValidationError("\(option) \(value); \(allowed.lowerBound) to \(allowed.upperBound) are allowed")
    }
}

/// Whom a command that connects believes.
struct TrustOptions: ParsableArguments {
    @Option(
        name: .customLong("ca"),
        help: ArgumentHelp("Believe the authorities in this PEM file, and no others.", valueName: "file"))
    var authorities: String?

    @Flag(help: "Do not ask the server to prove who it is.")
    var insecure = false

    func validate() throws {
        if insecure && authorities != nil { throw ValidationError("--ca and --insecure contradict each other") }
    }

    var tls: TLSClientOptions {
        var tls = TLSClientOptions()
        if let authorities { tls.trustRoots = .file(authorities) }
        if insecure { tls.verification = .none }
        return tls
    }
}
