/// A message encoded once, to be sent to many (RFC 6455 section 5.2).
///
/// A server's frame is the same for every peer, so sending it again is one copy of a small message, and none of a large
/// one. A client masks each frame anew, so there it gains what need not be compressed again.
public struct EncodedMessage: Sendable {
    /// The message compressed, with nothing before it to refer to.
    struct Compressed: Sendable {
        let payload: [UInt8]
        let windowBits: Int
    }

    /// What compressing it once has come to.
    enum SharedForm: Sendable {
        /// It was not tried: each connection that compresses does so for itself.
        case none
        /// It would not be shorter, or is below the threshold: nobody needs to try again.
        case asItIs
        case compressed(Compressed)
    }

    let payload: MessagePayload
    /// The whole frame when it is small, else empty.
    let frame: [UInt8]
    /// For connections that compress.
    let shared: SharedForm

    /// - Parameter compression: the options of those who are to get it: then it is compressed here, once, for all that
    ///   agreed on a window that is large enough. A connection that takes over contexts forgets its own when it sends
    ///   this: its next message refers to nothing before it (RFC 7692 section 7.1.1 allows, and does not demand, that
    ///   it does).
    public init(text: String, compression: CompressionOptions? = nil) {
        payload = .text(text)
        var text = text
        shared = text.withUTF8 { unsafe Self.compress(UnsafeRawBufferPointer($0), compression) }
        frame = Self.encode(payloadCount: text.utf8.count) { machine throws(ProtocolMisuse) in
            try machine.send(text: text)
        }
    }

    /// - Parameter compression: as for text.
    public init(binary: [UInt8], compression: CompressionOptions? = nil) {
        payload = .binary(binary)
        shared = unsafe binary.withUnsafeBytes { unsafe Self.compress($0, compression) }
        frame = Self.encode(payloadCount: binary.count) { machine throws(ProtocolMisuse) in
            try machine.send(binary: binary)
        }
    }

    /// The payload's length in bytes.
    public var payloadCount: Int { payload.count }

    /// Whether a connection that cannot use the shared form should compress the message for itself.
    var isWorthCompressing: Bool { if case .asItIs = shared { false } else { true } }

    private static func compress(_ payload: UnsafeRawBufferPointer, _ options: CompressionOptions?) -> SharedForm {
        guard let options else { return .none }
        guard payload.count >= options.threshold else { return .asItIs }
        guard
            let deflater = Deflater(
                windowBits: options.sendWindowBits, level: options.level, memoryLevel: options.memoryLevel)
        else { return .none }
        let compressed = unsafe deflater.compress(payload, isFinal: true)
        guard compressed.count < payload.count else { return .asItIs }
        return .compressed(Compressed(payload: compressed, windowBits: options.sendWindowBits))
    }

    /// Has a fresh server encode the message, if it is small; a fresh one takes every message.
    private static func encode(
        payloadCount: Int, _ send: (inout ProtocolMachine) throws(ProtocolMisuse) -> Int
    ) -> [UInt8] {
        guard payloadCount < OutputBuffer.retainThreshold else { return [] }
        var server = ProtocolMachine(role: .server)
        _ = try? send(&server)
        return server.output.drain()
    }
}
