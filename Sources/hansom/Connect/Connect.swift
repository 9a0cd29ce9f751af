internal import ArgumentParser
internal import WSClient

/// `hansom connect`
struct Connect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Talk to a server: lines go out as messages, what comes in is printed.",
        discussion: """
            Messages are printed on standard output, control characters escaped; everything else on standard error. \
            On a terminal the line can be edited (arrows, ^A ^E ^K ^U ^W ^L), the arrows up and down bring back \
            earlier lines, and ^D ends. After the end of the input, or the last --execute, it waits until nothing more \
            arrives, and closes with 1000.

            EXAMPLES:
              hansom connect wss://example.com/socket
              echo hello | hansom connect ws://127.0.0.1:8080/
              hansom connect ws://127.0.0.1:8080/ -x one -x two --wait 3 --json
              hansom connect wss://example.com/ -H 'Authorization: Bearer token' -v

            EXIT CODES:
              0      the connection ended with 1000 or 1001, or without a code
              1      there was no connection, or it was lost, or closed with another code
              64     the command line cannot be understood
              124    --max-time was over
              128+N  signal N ended it (130: ^C)
            """)

    @Argument(help: "ws://, wss://, http://, https://, or ws+unix:///path/of.sock:/target")
    var url: String

    @OptionGroup(title: "Conversation") var talk: TalkArguments

    @OptionGroup(title: "Handshake") var handshake: HandshakeArguments

    @OptionGroup(title: "Handshake") var head: HeadLimitArguments

    @OptionGroup(title: "TLS") var trust: TrustOptions

    @OptionGroup(title: "TLS") var identity: IdentityArguments

    @OptionGroup(title: "Output") var output: OutputArguments

    /// What the library is told.
    var options: ConnectOptions {
        var options = ConnectOptions()
        talk.apply(to: &options)
        handshake.apply(to: &options)
        head.apply(to: &options.headLimits)
        options.tls = trust.tls
        options.tls.identity = identity.identity
        return options
    }

    func run() async throws {
        let conversation = Conversation(
            url: url, options: options, reconnects: talk.reconnect, script: talk.script, isBinary: talk.binary,
            parting: talk.parting,
            longest: talk.maxTime?.duration, report: output.report, console: Console(output.palette(for: .error)))
        try await conversation.run()
    }
}
