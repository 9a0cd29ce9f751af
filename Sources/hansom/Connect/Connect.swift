internal import ArgumentParser
internal import HTTPTypes
internal import WSClient

/// `hansom connect`
struct Connect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Talk to a server: lines go out as text, what comes in is printed.",
        discussion: """
            Messages are printed on standard output, control characters escaped; everything else on standard error. \
            After the end of the input it waits until nothing more arrives, and closes with 1000. The exit code is 0 \
            when the connection ended with 1000 or 1001, or without a code.
            """)

    @Argument(help: "ws://, wss://, http://, https://, or ws+unix:///path/of.sock:/target")
    var url: String

    @Option(
        name: [.customShort("H"), .customLong("header")],
        help: ArgumentHelp("Send this header field, written 'Name: value'.", valueName: "field"),
        transform: Connect.header)
    var headers: [HTTPField] = []

    @Option(name: .customLong("protocol"), help: "Offer this subprotocol; most wanted first.")
    var protocols: [String] = []

    @OptionGroup var trust: TrustOptions

    @Option(
        help: """
            Wait so many seconds for the connection (default: 8), and after the end of the input so many seconds of \
            silence for answers (default: 0.5).
            """)
    var timeout: Seconds?

    func run() async throws {
        var options = ConnectOptions()
        if let timeout { options.connectTimeout = timeout.duration }
        options.headers = HTTPFields(headers)
        options.protocols = protocols
        options.tls = trust.tls
        let conversation = Conversation(
            url: url, options: options, settling: timeout?.duration ?? .milliseconds(500))
        try await conversation.run()
    }

    private static func header(_ text: String) throws -> HTTPField {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let name = HTTPField.Name(String(parts[0])) else {
            throw ValidationError("a header field is written 'Name: value'")
        }
        let value = parts[1].drop { $0 == " " || $0 == "\t" }
        guard HTTPField.isValidValue(String(value)) else {
            throw ValidationError("the value of \(name) has bytes that no header field may have (RFC 9110 section 5.5)")
        }
        return HTTPField(name: name, value: String(value))
    }
}
