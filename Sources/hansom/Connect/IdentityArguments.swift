internal import ArgumentParser
internal import WSClient

/// What a client shows a server that asks who it is.
struct IdentityArguments: ParsableArguments {
    @Option(
        name: .customLong("cert"),
        help: ArgumentHelp(
            "Show this certificate (PEM, with its intermediates) to a server that asks.", valueName: "file"))
    var certificate: String?

    @Option(help: ArgumentHelp("The certificate's private key (PEM). (default: in the same file)", valueName: "file"))
    var key: String?

    var identity: TLSIdentity? {
        certificate.map { .files(certificateChain: $0, privateKey: key ?? $0) }
    }

    func validate() throws {
        if key != nil && certificate == nil { throw ValidationError("--key is of no use without --cert") }
    }
}
