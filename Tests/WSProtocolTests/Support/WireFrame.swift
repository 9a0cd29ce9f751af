/// A frame as a plain, byte-wise reading of RFC 6455 section 5.2 has it: what the tested code is compared with.
struct WireFrame: Equatable {
    enum LengthForm { case minimal, sixteenBits, sixtyFourBits }

    var isFinal = true
    var reserved: UInt8 = 0
    var opcode: UInt8
    var payload: [UInt8] = []

    static func text(_ text: String, isFinal: Bool = true) -> WireFrame {
        WireFrame(isFinal: isFinal, opcode: 1, payload: Array(text.utf8))
    }

    static func binary(_ payload: [UInt8], isFinal: Bool = true) -> WireFrame {
        WireFrame(isFinal: isFinal, opcode: 2, payload: payload)
    }

    static func continuation(_ payload: [UInt8], isFinal: Bool = true) -> WireFrame {
        WireFrame(isFinal: isFinal, opcode: 0, payload: payload)
    }

    static func continuation(_ text: String, isFinal: Bool = true) -> WireFrame {
        continuation(Array(text.utf8), isFinal: isFinal)
    }

    static func ping(_ text: String = "") -> WireFrame { WireFrame(opcode: 9, payload: Array(text.utf8)) }

    static func pong(_ text: String = "") -> WireFrame { WireFrame(opcode: 10, payload: Array(text.utf8)) }

    static func close(_ code: UInt16? = nil, _ reason: String = "") -> WireFrame {
        let codeBytes = code.map { [UInt8($0 >> 8), UInt8($0 & 255)] } ?? []
        return WireFrame(opcode: 8, payload: codeBytes + reason.utf8)
    }

    /// The frame's bytes, masked with `mask` when there is one.
    func bytes(mask: [UInt8]? = [0x11, 0x22, 0x33, 0x44], length: LengthForm = .minimal) -> [UInt8] {
        var bytes = [(isFinal ? 0x80 : 0) | reserved << 4 | opcode]
        let maskBit: UInt8 = mask == nil ? 0 : 0x80
        let count = payload.count
        switch length {
        case .minimal where count < 126: bytes.append(maskBit | UInt8(count))
        case .minimal where count <= 0xFFFF, .sixteenBits:
            bytes += [maskBit | 126, UInt8(count >> 8 & 255), UInt8(count & 255)]
        default:
            bytes.append(maskBit | 127)
            bytes += (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) }
        }
        guard let mask else { return bytes + payload }
        return bytes + mask + Self.masked(payload, mask)
    }

    /// Byte by byte, as section 5.3 puts it.
    static func masked(_ payload: [UInt8], _ mask: [UInt8]) -> [UInt8] {
        payload.enumerated().map { $0.element ^ mask[$0.offset % 4] }
    }

    /// Reads whole frames back.
    static func parse(_ bytes: [UInt8]) -> [WireFrame] {
        var frames: [WireFrame] = []
        var rest = bytes[...]
        func take(_ count: Int) -> [UInt8] {
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        while !rest.isEmpty {
            let head = take(2)
            let short = Int(head[1] & 0x7F)
            let count = short < 126 ? short : take(short == 126 ? 2 : 8).reduce(0) { $0 << 8 | Int($1) }
            let mask = head[1] & 0x80 == 0 ? [0, 0, 0, 0] : take(4)
            frames.append(
                WireFrame(
                    isFinal: head[0] & 0x80 != 0, reserved: head[0] >> 4 & 7, opcode: head[0] & 15,
                    payload: masked(take(count), mask)))
        }
        return frames
    }
}

extension [WireFrame] {
    func bytes(mask: [UInt8]? = [0x11, 0x22, 0x33, 0x44]) -> [UInt8] { flatMap { $0.bytes(mask: mask) } }
}
