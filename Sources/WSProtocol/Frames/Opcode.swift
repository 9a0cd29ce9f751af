/// What a frame carries (RFC 6455 section 5.2).
public struct Opcode: RawRepresentable, Hashable, Sendable {
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
