internal import ArgumentParser
internal import HTTPTypes
internal import WSClient

/// What `hansom connect` asks the server for, and the way to it.
struct HandshakeArguments: ParsableArguments {
    @Option(
        name: [.customShort("H"), .customLong("header")],
        help: ArgumentHelp("Send this header field, written 'Name: value'. Repeatable.", valueName: "field"),
        transform: HandshakeArguments.header)
    var headers: [HTTPField] = []

    @Option(help: ArgumentHelp("Send this Origin, as a browser would.", valueName: "origin"))
    var origin: String?

    @Option(
        name: [.customShort("s"), .customLong("subprotocol")],
        help: ArgumentHelp("Offer this subprotocol. Repeatable, most wanted first.", valueName: "name"))
    var subprotocols: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            Go through this proxy: http://, https:// or socks5://[USER:PASSWORD@]HOST[:PORT]; or 'none'. (default: \
            what HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say)
            """, valueName: "url"),
        transform: HandshakeArguments.proxy)
    var proxy: ProxyChoice?

    func validate() throws {
        guard let origin else { return }
        guard HTTPField.isValidValue(origin) else {
            throw ValidationError("--origin has bytes that no header field may have (RFC 9110 section 5.5)")
        }
        if headers.contains(where: { $0.name == .origin }) {
            throw ValidationError("--origin and --header 'Origin: ...' contradict each other")
        }
    }

    func apply(to options: inout ConnectOptions) {
        options.headers = HTTPFields(headers)
        if let origin { options.headers[.origin] = origin }
        options.protocols = subprotocols
        if let proxy { options.proxy = proxy }
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

    private static func proxy(_ text: String) throws -> ProxyChoice {
        if text == "none" { return .none }
        do {
            return .through(try Proxy(text))
        } catch {
            throw ValidationError(error.message)
        }
    }
}
