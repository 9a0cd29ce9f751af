internal import Foundation
internal import HansomHTTP
internal import WSProtocol

/// Frames made by hand (RFC 6455 section 5.2), so that a test does not believe the code it tests.
package enum Frames {
    package static func frame(
        _ opcode: UInt8, _ payload: [UInt8] = [], isFinal: Bool = true, mask: [UInt8]? = nil
    ) -> [UInt8] {
        var bytes = [(isFinal ? 0x80 : 0) | opcode]
        let bit: UInt8 = mask == nil ? 0 : 0x80
        switch payload.count {
        case ..<126: bytes.append(bit | UInt8(payload.count))
        case ..<65536: bytes += [bit | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default:
            bytes.append(bit | 127)
            bytes += (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
        }
        guard let mask else { return bytes + payload }
        return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
    }

    /// A server's text frame.
    package static func text(_ text: String) -> [UInt8] { frame(1, Array(text.utf8)) }

    /// A client's text frame.
    package static func maskedText(_ text: String) -> [UInt8] {
        frame(1, Array(text.utf8), mask: [0x37, 0xFA, 0x21, 0x3D])
    }

    /// A close frame; masked for a client's.
    package static func close(_ code: UInt16, _ reason: String = "", isMasked: Bool = false) -> [UInt8] {
        frame(8, [UInt8(code >> 8), UInt8(code & 0xFF)] + reason.utf8, mask: isMasked ? [1, 2, 3, 4] : nil)
    }
}

/// Handshakes made by hand (RFC 6455 section 4).
package enum Handshakes {
    /// The request of section 1.3, whose answer is `acceptKey`.
    package static func request(
        _ target: String = "/", host: String = "127.0.0.1", extra: [String] = [], without: Set<String> = []
    ) -> String {
        let fields = [
            "Host: \(host)", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
        ].filter { field in !without.contains { field.hasPrefix($0 + ":") } }
        return (["GET \(target) HTTP/1.1"] + fields + extra).map { $0 + "\r\n" }.joined() + "\r\n"
    }

    package static let acceptKey = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    /// The value of a field in a head, `nil` if it has none.
    package static func field(_ name: String, of head: String) -> String? {
        for line in head.components(separatedBy: "\r\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2, parts[0].lowercased() == name.lowercased() {
                return parts[1].trimmingCharacters(in: .whitespaces)
            }
        }
        return nil
    }
}

extension Handshakes {
    /// What answers the key of a request's head.
    package static func accept(of request: String) -> String {
        var parser = RequestHeadParser()
        guard let head = try? parser.parse(Array(request.utf8)).head,
            case .accept(let acceptance) = ServerHandshake.evaluate(head, rules: .init(origin: .any))
        else { return "no answer" }
        return acceptance.acceptKey
    }

    /// The 101 to a request, with further fields, or without some, or with another status line.
    package static func response(
        to request: String, extra: [String] = [], without: Set<String> = [],
        statusLine: String = "HTTP/1.1 101 Switching Protocols"
    ) -> String {
        let fields = [
            "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: \(accept(of: request))",
        ].filter { field in !without.contains { field.hasPrefix($0 + ":") } }
        return ([statusLine] + fields + extra).map { $0 + "\r\n" }.joined() + "\r\n"
    }
}
