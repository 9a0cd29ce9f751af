/// Why a connection was closed (RFC 6455 section 7.4 and the IANA registry it founds).
public struct CloseCode: RawRepresentable, ExpressibleByIntegerLiteral, Hashable, Sendable {
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
