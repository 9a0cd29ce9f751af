internal import WSClient

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
