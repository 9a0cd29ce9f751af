/// The head of a frame: everything before its payload (RFC 6455 section 5.2).
struct FrameHeader: Equatable, Sendable {
    /// The longest there is: two bytes, eight of length, four of mask.
    static let maxSize = 14

    var isFinal: Bool
    var opcode: Opcode
    var payloadCount: Int
    /// The masking key, if the frame is masked.
    var mask: UInt32?
    /// Whether RSV1 is set: a compressed message begins (RFC 7692 section 6).
    var isCompressed = false

    /// How many bytes the header takes on the wire.
    var size: Int { 2 + Self.extendedLengthSize(payloadCount) + (mask == nil ? 0 : 4) }

    /// How many bytes a length needs beside the seven bits of the second byte.
    static func extendedLengthSize(_ count: Int) -> Int {
        count < 126 ? 0 : count <= 0xFFFF ? 2 : 8
    }

    /// Writes the header to `target`, which has room for `size` bytes.
    @inline(__always)
    func encode(to target: UnsafeMutableRawPointer) {
        let maskBit: UInt8 = mask == nil ? 0 : 0x80
        // Safety: the stores end at or before `size`.
        unsafe target.storeBytes(of: (isFinal ? 0x80 : 0) | (isCompressed ? 0x40 : 0) | opcode.rawValue, as: UInt8.self)
        var offset = 2
        switch Self.extendedLengthSize(payloadCount) {
        case 0:
            unsafe target.storeBytes(of: maskBit | UInt8(payloadCount), toByteOffset: 1, as: UInt8.self)
        case 2:
            unsafe target.storeBytes(of: maskBit | 126, toByteOffset: 1, as: UInt8.self)
            unsafe target.storeBytes(of: UInt16(payloadCount).bigEndian, toByteOffset: 2, as: UInt16.self)
            offset = 4
        default:
            unsafe target.storeBytes(of: maskBit | 127, toByteOffset: 1, as: UInt8.self)
            unsafe target.storeBytes(of: UInt64(payloadCount).bigEndian, toByteOffset: 2, as: UInt64.self)
            offset = 10
        }
        if let mask {
            unsafe target.storeBytes(of: mask.littleEndian, toByteOffset: offset, as: UInt32.self)
        }
    }
}
