/// How the peer broke the protocol or a limit, and the close code for it (RFC 6455 section 7.1.7).
public struct ProtocolFailure: Error, Hashable, Sendable {
    /// What the peer did.
    public enum Kind: Hashable, Sendable {
        /// A reserved bit is set that no extension gives a meaning: 1, 2 or 3.
        case reservedBit(Int)
        /// An opcode that RFC 6455 reserves.
        case reservedOpcode(Opcode)
        /// A frame without a mask from a client.
        case unmaskedFrame
        /// A frame with a mask from a server.
        case maskedFrame
        /// A control frame that is not final.
        case fragmentedControlFrame(Opcode)
        /// A control frame with more than 125 bytes.
        case controlPayloadTooLong(count: Int)
        /// A length in more bytes than it needs.
        case lengthNotMinimal(UInt64)
        /// A 64-bit length whose top bit is set.
        case lengthTopBitSet(UInt64)
        /// A continuation when no message is in progress.
        case unexpectedContinuation
        /// A new message before the last one's end.
        case messageInterrupted(by: Opcode)
        /// A close body of one byte.
        case closeBodyOfOneByte
        /// A close code that no frame may carry.
        case forbiddenCloseCode(CloseCode)
        /// A close reason that is not UTF-8.
        case reasonNotUTF8
        /// A text message that is not UTF-8.
        case textNotUTF8
        /// A data frame longer than the limit.
        case frameTooBig(count: Int, limit: Int)
        /// A message longer than the limit; `count` includes the frames received before.
        case messageTooBig(count: Int, limit: Int)
        /// A message of more frames than the limit.
        case tooManyFragments(limit: Int)
        /// A message that is handed out in parts, and is longer than its limit, inflated or not.
        case streamedTooBig(limit: Int)
        /// A message that is longer than the limit once it is inflated.
        case inflatedTooBig(limit: Int)
        /// A message that becomes more times longer when it is inflated than the limit allows.
        case inflatedTooFar(ratio: Int)
        /// A compressed message that is no deflate stream, or does not end where it does.
        case malformedCompression
        /// A message cannot be inflated, without memory or with options that zlib refuses; the peer did nothing wrong.
        case cannotInflate
    }

    /// What the peer did, or which limit it met; `code` follows from it.
    public let kind: Kind

    /// A failure of this kind, to compare with what a machine reports.
    public init(_ kind: Kind) {
        self.kind = kind
    }

    /// The code that the close frame carries.
    public var code: CloseCode {
        switch kind {
        case .reasonNotUTF8, .textNotUTF8, .malformedCompression: .invalidPayload
        case .frameTooBig, .messageTooBig, .tooManyFragments, .inflatedTooBig, .inflatedTooFar, .streamedTooBig:
            .messageTooBig
        case .cannotInflate: .internalError
        default: .protocolError
        }
    }
}

extension ProtocolFailure: CustomStringConvertible {
    /// What came, what is allowed, and where it is written. At most 123 bytes of ASCII, for it is the close frame's
    /// reason too.
    public var description: String {
        switch kind {
        case .frameTooBig(let count, let limit):
            "frame of \(count) bytes > limits.frameSize \(limit) (RFC 6455 section 10.4)"
        case .messageTooBig(let count, let limit):
            "message of \(count) bytes > limits.messageSize \(limit) (RFC 6455 section 10.4)"
        case .tooManyFragments(let limit):
            "more frames in a message than limits.fragments \(limit) (RFC 6455 section 10.4)"
        case .streamedTooBig(let limit):
            "message in pieces of more than limits.streamedMessageSize \(limit) bytes (RFC 6455 section 10.4)"
        case .inflatedTooBig(let limit):
            "message inflates to more than limits.messageSize \(limit) (RFC 6455 section 10.4)"
        case .inflatedTooFar(let ratio):
            "message inflates to more than limits.inflationRatio \(ratio) times its length (RFC 6455 section 10.4)"
        case .malformedCompression:
            "compressed message is no whole deflate stream (RFC 7692 section 7.2.2)"
        case .cannotInflate:
            "cannot inflate a message, without memory or with these options"
        case .textNotUTF8:
            "text message is not UTF-8 (RFC 6455 section 8.1)"
        case .reasonNotUTF8:
            "close reason is not UTF-8 (RFC 6455 section 8.1)"
        case .forbiddenCloseCode(let code):
            "close code \(code), allowed are 1000-1003, 1007-1014, 3000-4999 (RFC 6455 section 7.4)"
        case .closeBodyOfOneByte:
            "close body of 1 byte, allowed are 0 or 2 to 125 (RFC 6455 section 5.5.1)"
        case .unexpectedContinuation:
            "continuation without a message in progress (RFC 6455 section 5.4)"
        case .messageInterrupted(let opcode):
            "opcode \(opcode.rawValue) in an unfinished message, allowed is a continuation (RFC 6455 section 5.4)"
        case .reservedBit(let bit):
            "RSV\(bit) set without an extension that defines it (RFC 6455 section 5.2)"
        case .reservedOpcode(let opcode):
            "reserved opcode \(opcode.rawValue), allowed are 0-2 and 8-10 (RFC 6455 section 5.2)"
        case .unmaskedFrame:
            "unmasked frame from a client, which must mask (RFC 6455 section 5.1)"
        case .maskedFrame:
            "masked frame from a server, which must not mask (RFC 6455 section 5.1)"
        case .fragmentedControlFrame(let opcode):
            "fragmented control frame, opcode \(opcode.rawValue) (RFC 6455 section 5.5)"
        case .controlPayloadTooLong(let count):
            "control frame payload \(count) > 125 (RFC 6455 section 5.5)"
        case .lengthNotMinimal(let length):
            "length \(length) not in the fewest bytes (RFC 6455 section 5.2)"
        case .lengthTopBitSet(let length):
            "length \(length) with the top bit set, allowed is up to 2^63-1 (RFC 6455 section 5.2)"
        }
    }
}

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
