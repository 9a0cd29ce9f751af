import Testing
import WSProtocol

/// The key that test clients mask with: bytes 0x9C, 0x01, 0xFE, 0x37 in this order.
let testMaskKey: UInt32 = 0x37FE_019C

func makeServer(_ limits: MessageLimits = .init()) -> ProtocolMachine {
    ProtocolMachine(role: .server, limits: limits)
}

func makeClient(_ limits: MessageLimits = .init()) -> ProtocolMachine {
    ProtocolMachine(role: .client(maskKeys: { testMaskKey }), limits: limits)
}

extension ProtocolMachine {
    /// Feeds `bytes` in pieces of `size`.
    mutating func receive(_ bytes: [UInt8], inPiecesOf size: Int) -> [ProtocolEvent] {
        stride(from: 0, to: bytes.count, by: size).flatMap { start in
            receive(Array(bytes[start..<min(start + size, bytes.count)]))
        }
    }

    mutating func receive(_ frames: [WireFrame]) -> [ProtocolEvent] {
        receive(frames.bytes(mask: isServer ? [0x11, 0x22, 0x33, 0x44] : nil))
    }

    /// What has been queued since the last look.
    mutating func sentFrames() -> [WireFrame] { WireFrame.parse(output.drain()) }
}

/// Expects that a server makes `expected` of `bytes`: whole, a byte at a time, and cut in two at every point.
func expectServer(
    receiving bytes: [UInt8], limits: MessageLimits = .init(), yields expected: [ProtocolEvent],
    sends reply: [WireFrame]? = nil, sourceLocation: SourceLocation = #_sourceLocation
) {
    func check(_ pieces: [[UInt8]]) {
        var server = makeServer(limits)
        let events = pieces.flatMap { server.receive($0) }
        #expect(events == expected, "in pieces of \(pieces.map(\.count))", sourceLocation: sourceLocation)
        guard let reply else { return }
        let sent = server.sentFrames()
        #expect(sent == reply, "in pieces of \(pieces.map(\.count))", sourceLocation: sourceLocation)
    }
    check([bytes])
    check(bytes.map { [$0] })
    for cut in bytes.indices { check([Array(bytes[..<cut]), Array(bytes[cut...])]) }
}

/// Expects that a server fails with `kind`, having queued the close frame that says so and delivered `before` only.
func expectServer(
    receiving bytes: [UInt8], limits: MessageLimits = .init(), failsWith kind: ProtocolFailure.Kind, code: CloseCode,
    after before: [ProtocolEvent] = [], sourceLocation: SourceLocation = #_sourceLocation
) {
    let failure = ProtocolFailure(kind)
    #expect(failure.code == code, sourceLocation: sourceLocation)
    expectServer(
        receiving: bytes, limits: limits, yields: before + [.failure(failure)],
        sends: [.close(code.rawValue, failure.description)], sourceLocation: sourceLocation)
}
