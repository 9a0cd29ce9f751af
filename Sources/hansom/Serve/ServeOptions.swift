internal import Actors
internal import ArgumentParser
internal import WSServer

/// Where a server listens and what it grants.
struct ServeOptions: ParsableArguments {
    @Option(help: "Listen on this name or address; :: is every one. (default: 127.0.0.1)")
    var host: String?

    @Option(help: "Listen on this port; 0 lets the system choose. (default: 8080)")
    var port: Int?

    @Option(name: .customLong("unix"), help: "Listen on a Unix-domain socket at this path instead.")
    var unixPath: String?

    @Option(help: "Run so many schedulers. (default: one for each core)")
    var schedulers: Int?

    @Option(name: .customLong("tls-cert"), help: "Speak TLS with the certificate chain in this PEM file.")
    var certificate: String?

    @Option(name: .customLong("tls-key"), help: "The certificate's private key, a PEM file.")
    var key: String?

    @Option(name: .customLong("max-message-size"), help: "Accept messages of so many bytes. (default: 1048576)")
    var messageSize: Int?

    @Option(name: .customLong("max-fragments"), help: "Accept messages of so many frames. (default: 1024)")
    var fragments: Int?

    @Flag(help: "Compress messages for clients that offer it (permessage-deflate).")
    var deflate = false

    @Option(help: "Let `hansom top PATH` look at the server's processes, by a Unix-domain socket there.")
    var inspect: String?

    static let defaultHost = "127.0.0.1"
    static let defaultPort = 8080

    var place: ServePlace {
        if let unixPath { return .unix(path: unixPath) }
        return .tcp(host: host ?? ServeOptions.defaultHost, port: port ?? ServeOptions.defaultPort)
    }

    func validate() throws {
        if unixPath != nil && (host != nil || port != nil) {
            throw ValidationError("--unix and --host or --port contradict each other")
        }
        if (certificate == nil) != (key == nil) {
            throw ValidationError("TLS needs both --tls-cert and --tls-key")
        }
        try check("--port", port, 0...65535)
        try check("--schedulers", schedulers, 1...1024)
        try check("--max-message-size", messageSize, 1...Int(Int32.max))
        try check("--max-fragments", fragments, 1...Int(Int32.max))
    }

    private func check(_ option: String, _ value: Int?, _ allowed: ClosedRange<Int>) throws {
        guard let value, !allowed.contains(value) else { return }
        throw ValidationError("\(option) \(value); \(allowed.lowerBound) to \(allowed.upperBound) are allowed")
    }

    /// Where the server's connections are to live.
    func makeSchedulers() throws -> SchedulerGroup {
        guard let schedulers else { return .shared }
        var options = SchedulerGroup.Options()
        options.count = schedulers
        return try SchedulerGroup(options: options)
    }

    func serverOptions(on schedulers: SchedulerGroup) -> ServerOptions {
        var options = ServerOptions()
        options.schedulers = schedulers
        if let messageSize { options.limits.messageSize = messageSize }
        if let fragments { options.limits.fragments = fragments }
        if deflate { options.compression = CompressionOptions() }
        if let certificate, let key {
            options.tls = TLSServerOptions(identity: .files(certificateChain: certificate, privateKey: key))
        }
        return options
    }
}
