/// What the local caller did wrong. Nothing has been queued when one of these is thrown.
public enum ProtocolMisuse: Error, Hashable, Sendable {
    /// Something was to be sent after the close frame, or after the connection failed (RFC 6455 section 5.5.1).
    case closed
    /// A control frame's payload is longer than 125 bytes (RFC 6455 section 5.5).
    case controlPayloadTooLong(count: Int)
    /// A close reason is longer than 123 UTF-8 bytes (RFC 6455 section 5.5).
    case reasonTooLong(count: Int)
    /// A close code that no frame may carry (RFC 6455 section 7.4).
    case forbiddenCloseCode(CloseCode)
    /// A close reason without a code (RFC 6455 section 5.5.1).
    case reasonWithoutCode
    /// A message was to be sent while a fragmented one is unfinished (RFC 6455 section 5.4).
    case messageUnfinished
    /// A fragment of the other kind than the first one of its message (RFC 6455 section 5.4).
    case fragmentOfOtherKind
}

extension ProtocolMisuse: CustomStringConvertible {
    public var description: String {
        switch self {
        case .closed:
            "nothing can be sent after the close frame (RFC 6455 section 5.5.1)"
        case .controlPayloadTooLong(let count):
            "control frame payload of \(count) bytes > 125 (RFC 6455 section 5.5)"
        case .reasonTooLong(let count):
            "close reason of \(count) UTF-8 bytes > 123 (RFC 6455 section 5.5)"
        case .forbiddenCloseCode(let code):
            "close code \(code) cannot be sent; 1000 to 1003, 1007 to 1014 and 3000 to 4999 can (RFC 6455 section 7.4)"
        case .reasonWithoutCode:
            "a close reason needs a close code before it (RFC 6455 section 5.5.1)"
        case .messageUnfinished:
            "a fragmented message is unfinished; finish it before the next message (RFC 6455 section 5.4)"
        case .fragmentOfOtherKind:
            "all fragments of a message are text, or all are binary (RFC 6455 section 5.4)"
        }
    }
}
