/// The head of a frame: everything before its payload (RFC 6455 section 5.2).
@usableFromInline
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

/// The first bytes of a header whose rest has not come.
@usableFromInline
struct PartialHeader: Sendable {
    private var bytes: InlineArray<14, UInt8> = InlineArray(repeating: 0)
    @usableFromInline private(set) var count = 0

    @inlinable var isEmpty: Bool { count == 0 }

    mutating func append(_ byte: UInt8) {
        bytes[count] = byte
        count &+= 1
    }

    mutating func clear() {
        count = 0
    }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let count = count
        // Safety: the pointer lives for this call only, and at most 14 of the array's 14 bytes are shown.
        return unsafe withUnsafeBytes(of: bytes) { unsafe body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
}

/// What a frame carries (RFC 6455 section 5.2).
public struct Opcode: RawRepresentable, Hashable, Sendable {
    /// The opcode as a number: in a frame it has four bits, 0 to 15.
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// A further fragment of the message in progress.
    public static let continuation = Opcode(rawValue: 0x0)
    /// The first or only fragment of a text message.
    public static let text = Opcode(rawValue: 0x1)
    /// The first or only fragment of a binary message.
    public static let binary = Opcode(rawValue: 0x2)
    /// The closing handshake (section 5.5.1).
    public static let close = Opcode(rawValue: 0x8)
    /// A ping (section 5.5.2).
    public static let ping = Opcode(rawValue: 0x9)
    /// A pong (section 5.5.3).
    public static let pong = Opcode(rawValue: 0xA)

    /// Whether this is a control opcode: the top one of its four bits is set (section 5.5).
    public var isControl: Bool { rawValue & 0x8 != 0 }

    /// Whether RFC 6455 gives this opcode a meaning; the others are reserved.
    public var isDefined: Bool { rawValue <= 0x2 || (0x8...0xA).contains(rawValue) }
}

/// Why a connection was closed (RFC 6455 section 7.4 and the IANA registry it founds).
public struct CloseCode: RawRepresentable, ExpressibleByIntegerLiteral, Hashable, Sendable {
    /// The code as a number, as it stands in a close frame (RFC 6455 section 5.5.1).
    public let rawValue: UInt16

    public init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// A code by its number: `close(code: 4001)`.
    public init(integerLiteral code: UInt16) { self.init(rawValue: code) }

    /// 1000: the purpose of the connection is fulfilled.
    public static let normal = CloseCode(rawValue: 1000)
    /// 1001: a server going down, or a browser leaving the page.
    public static let goingAway = CloseCode(rawValue: 1001)
    /// 1002: the peer broke the protocol.
    public static let protocolError = CloseCode(rawValue: 1002)
    /// 1003: a kind of data that this end cannot accept.
    public static let unsupportedData = CloseCode(rawValue: 1003)
    /// 1004: reserved, without a meaning.
    public static let reserved = CloseCode(rawValue: 1004)
    /// 1005: the close frame carried no code. Never sent.
    public static let noStatus = CloseCode(rawValue: 1005)
    /// 1006: the connection was lost without a close frame. Never sent.
    public static let abnormal = CloseCode(rawValue: 1006)
    /// 1007: data that does not fit the message's type, such as text that is not UTF-8.
    public static let invalidPayload = CloseCode(rawValue: 1007)
    /// 1008: a policy of this end was violated.
    public static let policyViolation = CloseCode(rawValue: 1008)
    /// 1009: a message too big to process.
    public static let messageTooBig = CloseCode(rawValue: 1009)
    /// 1010: the server did not negotiate an extension that the client needs.
    public static let mandatoryExtension = CloseCode(rawValue: 1010)
    /// 1011: something unexpected kept this end from fulfilling the request.
    public static let internalError = CloseCode(rawValue: 1011)
    /// 1012: the service restarts.
    public static let serviceRestart = CloseCode(rawValue: 1012)
    /// 1013: the service is overloaded; try again later.
    public static let tryAgainLater = CloseCode(rawValue: 1013)
    /// 1014: a gateway got an invalid answer from its upstream.
    public static let badGateway = CloseCode(rawValue: 1014)
    /// 1015: the TLS handshake failed. Never sent.
    public static let tlsHandshakeFailure = CloseCode(rawValue: 1015)

    /// Whether a close frame that we send may carry this code: 1000 to 1003, 1007 to 1014, 3000 to 4999.
    public var canBeSent: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }

    /// Whether a close frame that we receive may carry this code: the same ones that may be sent.
    public var canBeReceived: Bool { canBeSent }
}

extension CloseCode: CustomStringConvertible {
    public var description: String { String(rawValue) }
}

/// What a close frame says (RFC 6455 section 5.5.1).
public struct CloseFrame: Hashable, Sendable {
    /// The code; `.noStatus` when the frame was empty.
    public var code: CloseCode
    /// The reason; empty when none was given.
    public var reason: String

    /// What a close frame says, by its parts; whether the code may be sent is not checked.
    public init(code: CloseCode, reason: String = "") {
        self.code = code
        self.reason = reason
    }
}
