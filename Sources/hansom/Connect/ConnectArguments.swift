internal import Actors
internal import ArgumentParser
internal import HTTPTypes
internal import HansomTransport
internal import WSClient

/// What `hansom connect` asks the server for, and the way to it.
///
/// What may hold a secret is a plain text until `validate`: the parser's own errors repeat a value that they refuse.
struct HandshakeArguments: ParsableArguments {
    @Option(
        name: [.customShort("H"), .customLong("header")],
        help: ArgumentHelp(
            """
            Send this header field, written 'Name: value'; @FILE: those in a file, one a line, so that no list of \
            processes shows them. Repeatable. The environment variable HANSOM_HEADERS may hold more, one a line.
            """, valueName: "field"))
    var headers: [String] = []

    @Option(help: ArgumentHelp("Send this Origin, as a browser would.", valueName: "origin"))
    var origin: String?

    @Option(
        help: ArgumentHelp(
            "Send this Host instead of the URL's host and port; the certificate is still to name the URL's.",
            valueName: "host"))
    var host: String?

    @Option(
        help: ArgumentHelp(
            "Look this host and port up here instead of asking the system. Repeatable.",
            valueName: "host:port:address"))
    var resolve: [String] = []

    @Option(
        name: [.customShort("s"), .customLong("subprotocol")],
        help: ArgumentHelp("Offer this subprotocol. Repeatable, most wanted first.", valueName: "name"))
    var subprotocols: [String] = []

    @Flag(help: "Offer compression (permessage-deflate).")
    var deflate = false

    @Option(
        help: ArgumentHelp(
            """
            Go through this proxy: http://, https:// or socks5://[USER:PASSWORD@]HOST[:PORT]; or 'none'. (default: \
            what HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say, which no list of processes shows)
            """, valueName: "url"))
    var proxy: String?

    func validate() throws {
        _ = try fields()
        _ = try proxyChoice()
        _ = try StaticAddresses(resolve)
        if let origin, !HTTPField.isValidValue(origin) {
            throw ValidationError("--origin has bytes that no header field may have (RFC 9110 section 5.5)")
        }
    }

    func apply(to options: inout ConnectOptions) throws {
        var fields = try fields()
        if let origin { fields.append(HTTPField(name: .origin, value: origin)) }
        for field in fields where field.name == HandshakeArguments.hostField { options.hostHeader = field.value }
        options.headers = HTTPFields(fields.filter { $0.name != HandshakeArguments.hostField })
        if let host { options.hostHeader = host }
        options.subprotocols = subprotocols
        if deflate { options.compression = CompressionOptions() }
        if let proxy = try proxyChoice() { options.proxy = proxy }
        let addresses = try StaticAddresses(resolve)
        if !addresses.isEmpty { options.resolver = { host, port in try await addresses.resolve(host, port) } }
    }

    // MARK: Header fields

    private static let hostField = HTTPField.Name("Host")

    /// How long a file with header fields may be.
    private static let longestFile = 1 << 20

    private func fields() throws -> [HTTPField] {
        var fields: [HTTPField] = []
        for (number, text) in headers.enumerated() {
            if text.hasPrefix("@") {
                fields += try HandshakeArguments.file(String(text.dropFirst()))
            } else {
                fields.append(try HandshakeArguments.field(text, "--header number \(number + 1)"))
            }
        }
        if let text = Environment.value(of: "HANSOM_HEADERS") {
            fields += try HandshakeArguments.fields(text, "HANSOM_HEADERS")
        }
        if origin != nil, fields.contains(where: { $0.name == .origin }) {
            throw ValidationError("--origin and --header 'Origin: ...' contradict each other")
        }
        if host != nil, fields.contains(where: { $0.name == HandshakeArguments.hostField }) {
            throw ValidationError("--host and --header 'Host: ...' contradict each other")
        }
        return fields
    }

    private static func file(_ path: String) throws -> [HTTPField] {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try FileContent.read(path, atMost: longestFile)
        } catch {
            throw ValidationError("--header @\(path): \(error)")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ValidationError("--header @\(path): it is not UTF-8")
        }
        return try fields(text, path)
    }

    private static func fields(_ text: String, _ place: String) throws -> [HTTPField] {
        var fields: [HTTPField] = []
        let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
        for (number, line) in lines.enumerated() where !line.allSatisfy(\.isWhitespace) {
            fields.append(try field(String(line), "\(place), line \(number + 1)"))
        }
        return fields
    }

    /// - Parameter place: how an error calls the text, which it does not repeat: it may be a password.
    private static func field(_ text: String, _ place: String) throws -> HTTPField {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let name = HTTPField.Name(String(parts[0])) else {
            throw ValidationError("\(place): a header field is written 'Name: value'")
        }
        let value = parts[1].drop { $0 == " " || $0 == "\t" }
        guard HTTPField.isValidValue(String(value)) else {
            throw ValidationError(
                "\(place): the value of \(name) has bytes that no header field may have (RFC 9110 section 5.5)")
        }
        return HTTPField(name: name, value: String(value))
    }

    // MARK: The way

    private func proxyChoice() throws -> ProxyChoice? {
        guard let proxy else { return nil }
        if proxy == "none" { return ProxyChoice.none }
        do throws(WebSocketError) {
            return .through(try Proxy(proxy))
        } catch {
            throw ValidationError("--proxy: \(error.message)")
        }
    }
}

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

/// How `hansom connect` prints.
struct OutputArguments: ParsableArguments {
    @Flag(help: "Print a line of JSON for each event, sent and received, with its time; see the guide.")
    var json = false

    @Flag(
        help: """
            Print messages as they are, for a program that reads them: texts unescaped, each with a line end (with --null \
            a NUL) behind it, and bytes with nothing behind them. Not on a terminal, which would act on them.
            """)
    var raw = false

    @Flag(
        name: .shortAndLong,
        help: "Show on standard error what happens: the handshake, TLS, and each message, ping and pong.")
    var verbose = false

    @Option(
        help: ArgumentHelp(
            "Use colours; auto: on a terminal, unless NO_COLOR is set.", valueName: "when"))
    var color = ColorChoice.auto

    func validate() throws {
        if raw && json { throw ValidationError("--raw and --json contradict each other") }
        if raw && StandardStream.output.isTerminal {
            throw ValidationError("--raw is for a file or a pipe: a terminal would act on what the server sends")
        }
    }

    /// - Parameter stream: where it is to be printed.
    func palette(for stream: StandardStream) -> Palette {
        Palette(
            isOn: color.colours(
                isTerminal: stream.isTerminal, noColor: Environment.value(of: "NO_COLOR"),
                term: Environment.value(of: "TERM")))
    }

    /// - Parameter separator: what ends a text in raw output.
    func printer(separator: UInt8) -> EventPrinter {
        let marks = StandardStream.output.isTerminal || color == .always
        return EventPrinter(
            form: json ? .json : raw ? .raw(separator: separator) : .plain(marks: marks), isVerbose: verbose,
            output: palette(for: .output), errors: palette(for: .error))
    }
}

/// Addresses that are given on the command line (`--resolve`) in place of the resolver's.
struct StaticAddresses: Sendable {
    private struct Place: Hashable {
        let host: String
        let port: Int
    }

    private var addresses: [Place: [SocketAddress]] = [:]

    var isEmpty: Bool { addresses.isEmpty }

    /// - Parameter entries: each `HOST:PORT:ADDRESS`, the address in brackets or not.
    init(_ entries: [String]) throws {
        for entry in entries {
            let parts = entry.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map { String($0) }
            guard parts.count == 3, !parts[0].isEmpty, let port = UInt16(parts[1]), port > 0,
                let address = SocketAddress(numeric: StaticAddresses.withoutBrackets(parts[2]), port: port)
            else {
                throw ValidationError(
                    "--resolve \(entry); allowed is HOST:PORT:ADDRESS, as in example.com:443:192.0.2.1 or example.com:443:[::1]"
                )
            }
            addresses[Place(host: parts[0].lowercased(), port: Int(port)), default: []].append(address)
        }
    }

    /// What is given for a host and port, or what the system says.
    func resolve(_ host: String, _ port: Int) async throws -> [SocketAddress] {
        if let given = addresses[Place(host: host, port: port)] { return given }
        return try await Resolver.resolve(host, port: UInt16(clamping: port), on: SchedulerGroup.shared.blockingPool)
    }

    private static func withoutBrackets(_ text: String) -> String {
        text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
    }
}
