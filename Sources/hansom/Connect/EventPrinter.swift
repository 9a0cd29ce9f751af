internal import Actors
internal import WSClient

/// What is printed of a conversation: events in, lines out.
struct EventPrinter: Sendable {
    enum Form: Equatable, Sendable {
        /// Messages as they are; with `marks`, `<` in front of each.
        case plain(marks: Bool)
        /// Messages as they are, for a program; behind each text a separator.
        case raw(separator: UInt8)
        /// A line of JSON for each event.
        case json
    }

    let form: Form
    let isVerbose: Bool
    /// Colours of standard output, and of standard error.
    let output: Palette
    let errors: Palette

    /// The lines to print, harmless for a terminal.
    ///
    /// - Parameter time: when it happened; asked for only if it is printed.
    func lines(for event: ConversationEvent, at time: @autoclosure () -> Timestamp) -> [Console.Line] {
        let told = isVerbose ? VerboseLines.of(event).map(note) : []
        switch form {
        case .json:
            let line = JSONEvent.line(for: event, at: time).map { Console.Line(text: $0, stream: .output) }
            return told + (line.map { [$0] } ?? [])
        case .plain(let marks): return told + plain(event) { [show($0, marks: marks)] }
        case .raw(let separator): return told + plain(event) { [EventPrinter.raw($0, separator)] }
        }
    }

    /// A remark that is about no event.
    func remark(_ text: String) -> Console.Line {
        Console.Line(text: errors.paint("\(Printable(text))", .note), stream: .error)
    }

    private func plain(
        _ event: ConversationEvent, _ show: (WebSocket.Message) -> [Console.Line]
    ) -> [Console.Line] {
        switch event {
        case .received(let frame): return frame.message.map(show) ?? []
        case .connected(let facts) where facts.isAgain: return [remark("connected again")]
        case .closed(let close) where close.isOrderly: return [remark("closed with \(close)")]
        case .down(let error, let delay):
            let text = "\(error.message); next attempt in \(EventPrinter.milliseconds(delay)) ms"
            return [Console.Line(text: errors.paint("\(Printable(text))", .failure), stream: .error)]
        case .request, .answer, .connected, .sent, .closing, .closed, .failed: return []
        }
    }

    private func note(_ line: VerboseLines.Line) -> Console.Line {
        let text = "\(line.mark) \(Printable(line.text))"
        return Console.Line(text: errors.paint(text, line.role), stream: .error)
    }

    static func milliseconds(_ duration: Duration) -> Int {
        let (seconds, attoseconds) = duration.components
        return Int(clamping: seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    }

    private func show(_ message: WebSocket.Message, marks: Bool) -> Console.Line {
        let mark = marks ? output.paint("< ", .received) : ""
        let shown =
            switch message {
            case .text(let text): Printable(text).description
            case .binary(let bytes): HexDump(bytes).description
            }
        return Console.Line(text: mark + shown, stream: .output)
    }

    private static func raw(_ message: WebSocket.Message, _ separator: UInt8) -> Console.Line {
        let bytes =
            switch message {
            case .text(let text): Array(text.utf8) + [separator]
            case .binary(let bytes): bytes
            }
        return Console.Line(text: "", stream: .output, raw: bytes)
    }

    // MARK: Refusals

    /// How much of a refusal's body stands behind the error.
    private static let longestExcerpt = 200

    /// What an error says and, of a server that refused, what it said itself: one line.
    static func message(of error: WebSocketError, withBody: Bool) -> String {
        guard withBody, let body = error.response?.body, let text = String(validating: body, as: UTF8.self) else {
            return error.message
        }
        let words = text.split { $0.isWhitespace }.joined(separator: " ")
        if words.isEmpty { return error.message }
        let excerpt = words.prefix(longestExcerpt)
        return "\(error.message): \(excerpt)\(excerpt.count < words.count ? "..." : "")"
    }
}

/// An event of a conversation as a line of JSON.
///
/// Every line has `time` and `type`; what goes over the wire has `direction`, `in` or `out`.
enum JSONEvent {
    /// - Returns: `nil` for what is no event of a connection.
    static func line(for event: ConversationEvent, at time: () -> Timestamp) -> String? {
        switch event {
        case .request, .answer: return nil
        case .connected(let facts): return line("connected", time()) { add(facts, to: &$0) }
        case .sent(let message): return line(for: WebSocket.Frame(message), "out", time())
        case .received(let received): return line(for: received, "in", time())
        case .closing(let end): return line("close", time(), "out") { add(end, to: &$0) }
        case .closed(let end): return line("close", time(), "in") { add(end, to: &$0) }
        case .failed(let error): return line("error", time()) { add(error, to: &$0) }
        case .down(let error, let delay):
            return line("down", time()) { json in
                add(error, to: &json)
                json.member("retryMilliseconds", EventPrinter.milliseconds(delay))
            }
        }
    }

    private static func line(
        _ type: String, _ time: Timestamp, _ direction: String? = nil, _ body: (inout JSONText) -> Void
    ) -> String {
        JSONText.line { json in
            json.member("time", time.description)
            json.member("direction", optional: direction)
            json.member("type", type)
            body(&json)
        }
    }

    private static func line(for frame: WebSocket.Frame, _ direction: String, _ time: Timestamp) -> String {
        switch frame {
        case .text(let text): line("text", time, direction) { $0.member("data", text) }
        case .binary(let bytes): line("binary", time, direction) { $0.member("data", base64: bytes) }
        case .ping(let bytes): line("ping", time, direction) { $0.member("data", base64: bytes) }
        case .pong(let bytes): line("pong", time, direction) { $0.member("data", base64: bytes) }
        }
    }

    private static func add(_ facts: ConversationEvent.Connected, to json: inout JSONText) {
        json.member("url", withoutCredentials(facts.url))
        json.member("address", optional: facts.address)
        json.member("subprotocol", optional: facts.subprotocol)
        guard let tls = facts.tls else { return }
        json.object("tls") { json in
            json.member("version", tls.version.description)
            json.member("cipher", tls.cipher)
            json.member("alpn", optional: tls.alpn)
            json.member("subject", optional: tls.peerSubject)
        }
    }

    /// The URL without user and password: lines are kept, and sent to others.
    private static func withoutCredentials(_ url: String) -> String {
        guard let scheme = url.firstRange(of: "://") else { return url }
        let rest = url[scheme.upperBound...]
        let authority = rest.prefix { !"/?#".contains($0) }
        guard let at = authority.lastIndex(of: "@") else { return url }
        return String(url[..<scheme.upperBound] + rest[rest.index(after: at)...])
    }

    private static func add(_ close: WebSocket.Close, to json: inout JSONText) {
        json.member("code", close.code.rawValue)
        json.member("reason", close.reason)
    }

    private static func add(_ error: WebSocketError, to json: inout JSONText) {
        json.member("error", error.code.description)
        json.member("message", error.message)
        json.member("host", optional: error.host)
        json.member("port", optional: error.port)
        json.member("phase", optional: error.phase?.rawValue)
        json.member("status", optional: error.response?.status)
        if let body = error.response?.body, !body.isEmpty {
            if let text = String(validating: body, as: UTF8.self) {
                json.member("body", text)
            } else {
                json.member("body64", base64: body)
            }
        }
        json.member("code", optional: error.close.map { Int($0.code.rawValue) })
    }
}

/// What `--verbose` says of an event: `>` went out, `<` came in, `*` is a remark.
enum VerboseLines {
    struct Line: Equatable {
        let mark: Character
        /// Not harmless yet.
        let text: String

        var role: Palette.Role {
            switch mark {
            case ">": .sent
            case "<": .received
            default: .note
            }
        }
    }

    static func of(_ event: ConversationEvent) -> [Line] {
        switch event {
        case .request(let bytes, let address, let tls):
            return remarks(on: address, tls) + head(bytes, ">")
        case .answer(let bytes): return head(bytes, "<")
        case .connected(let facts):
            return [remark("the connection is open" + (facts.subprotocol.map { ", subprotocol \($0)" } ?? ""))]
        case .sent(let message): return [Line(mark: ">", text: name(WebSocket.Frame(message)))]
        case .received(let frame): return [Line(mark: "<", text: name(frame))]
        case .closing(let close): return [Line(mark: ">", text: "close \(close)")]
        case .closed(let close): return [Line(mark: "<", text: "close \(close)")]
        case .failed(let error), .down(let error, _): return body(error.response?.body ?? [])
        }
    }

    private static func remarks(on address: String?, _ tls: TLSDetails?) -> [Line] {
        var lines: [Line] = []
        if let address { lines.append(remark("connected to \(address)")) }
        guard let tls else { return lines }
        let alpn = tls.alpn.map { ", ALPN \($0)" } ?? ""
        let resumed = tls.isResumed ? ", resumed" : ""
        lines.append(remark("\(tls.version), \(tls.cipher)\(alpn)\(resumed)"))
        if let subject = tls.peerSubject {
            let size = tls.peerCertificate.map { " (\($0.count) bytes)" } ?? ""
            lines.append(remark("certificate of \(subject)\(size)"))
        }
        return lines
    }

    /// The lines of an HTTP head.
    private static func head(_ bytes: [UInt8], _ mark: Character) -> [Line] {
        bytes.split(separator: UInt8(ascii: "\n")).map { line in
            Line(mark: mark, text: String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self))
        }.filter { !$0.text.isEmpty }
    }

    /// The lines of a refusal's body; one that is no text is not shown.
    private static func body(_ bytes: [UInt8]) -> [Line] {
        guard String(validating: bytes, as: UTF8.self) != nil else {
            return bytes.isEmpty ? [] : [remark("a body of \(bytes.count) bytes")]
        }
        return head(bytes, "<")
    }

    private static func name(_ frame: WebSocket.Frame) -> String {
        switch frame {
        case .text(let text): "text, \(text.utf8.count) bytes"
        case .binary(let bytes): "binary, \(bytes.count) bytes"
        case .ping(let bytes): "ping, \(bytes.count) bytes"
        case .pong(let bytes): "pong, \(bytes.count) bytes"
        }
    }

    private static func remark(_ text: String) -> Line { Line(mark: "*", text: text) }
}
