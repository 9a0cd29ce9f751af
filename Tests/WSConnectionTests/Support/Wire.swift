/// Frames as they stand on the wire (RFC 6455 section 5.2), made by hand, so that a test depends on no encoder of ours.
enum Wire {
    static let mask: [UInt8] = [0x12, 0x34, 0x56, 0x78]

    /// One frame. A client's is masked, a server's is not.
    static func frame(_ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, masked: Bool = true) -> [UInt8] {
        header(opcode, payload.count, isFinal: isFinal, masked: masked)
            + (masked ? payload.enumerated().map { $1 ^ mask[$0 % 4] } : payload)
    }

    /// A frame's header, with a payload of `count` bytes to follow.
    static func header(_ opcode: UInt8, _ count: Int, isFinal: Bool = true, masked: Bool = true) -> [UInt8] {
        let first = opcode | (isFinal ? 0x80 : 0)
        let bit: UInt8 = masked ? 0x80 : 0
        let length: [UInt8]
        switch count {
        case ..<126: length = [bit | UInt8(count)]
        case ..<65_536: length = [bit | 126, UInt8(count >> 8), UInt8(count & 0xFF)]
        default: length = [bit | 127] + (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) }
        }
        return [first] + length + (masked ? mask : [])
    }

    static func text(_ text: String, isFinal: Bool = true, masked: Bool = true) -> [UInt8] {
        frame(1, Array(text.utf8), isFinal: isFinal, masked: masked)
    }

    static func binary(_ bytes: [UInt8], isFinal: Bool = true, masked: Bool = true) -> [UInt8] {
        frame(2, bytes, isFinal: isFinal, masked: masked)
    }

    static func more(_ text: String, isFinal: Bool, masked: Bool = true) -> [UInt8] {
        frame(0, Array(text.utf8), isFinal: isFinal, masked: masked)
    }

    static func ping(_ text: String, masked: Bool = true) -> [UInt8] { frame(9, Array(text.utf8), masked: masked) }

    static func pong(_ text: String, masked: Bool = true) -> [UInt8] { frame(10, Array(text.utf8), masked: masked) }

    /// A close frame; without a code an empty one.
    static func close(_ code: UInt16?, _ reason: String = "", masked: Bool = true) -> [UInt8] {
        frame(8, (code.map { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } ?? []) + Array(reason.utf8), masked: masked)
    }

    /// A frame that was received.
    struct Frame: Hashable, CustomStringConvertible {
        var opcode: UInt8
        var payload: [UInt8]
        var isFinal = true

        static func text(_ text: String, isFinal: Bool = true) -> Frame {
            Frame(opcode: 1, payload: Array(text.utf8), isFinal: isFinal)
        }

        static func binary(_ bytes: [UInt8], isFinal: Bool = true) -> Frame {
            Frame(opcode: 2, payload: bytes, isFinal: isFinal)
        }

        static func more(_ text: String, isFinal: Bool) -> Frame {
            Frame(opcode: 0, payload: Array(text.utf8), isFinal: isFinal)
        }

        static func ping(_ text: String) -> Frame { Frame(opcode: 9, payload: Array(text.utf8)) }

        static func pong(_ text: String) -> Frame { Frame(opcode: 10, payload: Array(text.utf8)) }

        static func close(_ code: UInt16, _ reason: String = "") -> Frame {
            Frame(opcode: 8, payload: [UInt8(code >> 8), UInt8(code & 0xFF)] + Array(reason.utf8))
        }

        static let emptyClose = Frame(opcode: 8, payload: [])

        var closeCode: UInt16? {
            opcode == 8 && payload.count >= 2 ? UInt16(payload[0]) << 8 | UInt16(payload[1]) : nil
        }

        var words: String { String(decoding: payload, as: UTF8.self) }

        var description: String {
            "opcode \(opcode)\(isFinal ? "" : ", not final"), \(payload.count) bytes: \(words.prefix(80))"
        }
    }
}
