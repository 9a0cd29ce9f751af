internal import ArgumentParser
internal import WSClient

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
