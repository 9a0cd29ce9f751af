/// A message encoded once, to be sent to many (RFC 6455 section 5.2).
///
/// A server's frame is the same for every peer, so sending it again is one copy of a small message, and none of a large
/// one. A client masks each frame anew, so it gains nothing.
public struct EncodedMessage: Sendable {
    enum Payload: Sendable {
        case text(String)
        case binary([UInt8])
    }

    let payload: Payload
    /// The whole frame when it is small, else empty.
    let frame: [UInt8]

    public init(text: String) {
        payload = .text(text)
        frame = Self.encode(payloadCount: text.utf8.count) { machine throws(ProtocolMisuse) in
            try machine.send(text: text)
        }
    }

    public init(binary: [UInt8]) {
        payload = .binary(binary)
        frame = Self.encode(payloadCount: binary.count) { machine throws(ProtocolMisuse) in
            try machine.send(binary: binary)
        }
    }

    /// The payload's length in bytes.
    public var payloadCount: Int {
        switch payload {
        case .text(let text): text.utf8.count
        case .binary(let bytes): bytes.count
        }
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
