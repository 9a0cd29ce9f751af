internal import ArgumentParser
internal import WSClient
internal import HansomHTTP
internal import WSProtocol

/// How much of an HTTP head is read: of a request by a server, of an answer by a client.
struct HeadLimitArguments: ParsableArguments {
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

    func validate() throws {
        for (option, value) in [("line", lineBytes), ("lines", lines), ("size", headBytes)] {
            guard let value, !(1...Int(Int32.max)).contains(value) else { continue }
            throw ValidationError("--max-head-\(option) \(value); 1 to \(Int32.max) are allowed")
        }
    }

    func apply(to limits: inout HeadLimits) {
        if let lineBytes { limits.maxLineBytes = lineBytes }
        if let lines { limits.maxLines = lines }
        if let headBytes { limits.maxHeadBytes = headBytes }
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
