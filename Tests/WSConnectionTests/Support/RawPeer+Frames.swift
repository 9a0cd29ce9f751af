import HansomTesting
import Testing

extension RawPeer {
    /// Receives one frame, unmasked; `nil` when the connection ends first.
    func frame() async throws -> Wire.Frame? {
        let start = try await receive(2)
        guard start.count == 2 else { return nil }
        let short = Int(start[1] & 0x7F)
        let count = short < 126 ? short : try await receive(short == 126 ? 2 : 8).reduce(0) { $0 << 8 | Int($1) }
        let mask = start[1] & 0x80 == 0 ? [] : try await receive(4)
        let payload = try await receive(count)
        return Wire.Frame(
            opcode: start[0] & 0x0F, payload: mask.isEmpty ? payload : payload.enumerated().map { $1 ^ mask[$0 % 4] },
            isFinal: start[0] & 0x80 != 0)
    }

    /// Receives frames until the connection ends, in order or by a reset.
    func remainingFrames() async -> [Wire.Frame] {
        var frames: [Wire.Frame] = []
        while let frame = try? await frame() { frames.append(frame) }
        return frames
    }

    /// Sends several pieces as one segment.
    func send(together pieces: [UInt8]...) async throws { try await send(Array(pieces.joined())) }
}

/// The next frame that the peer receives is `expected`.
func expectReceived(
    _ expected: Wire.Frame, by peer: RawPeer, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let frame = try await peer.frame()
    #expect(frame == expected, sourceLocation: sourceLocation)
}

/// The next frame that the peer receives is a ping.
///
/// - Returns: its payload.
@discardableResult
func expectPing(by peer: RawPeer, sourceLocation: SourceLocation = #_sourceLocation) async throws -> [UInt8] {
    let frame = try await peer.frame()
    #expect(frame?.opcode == 9, sourceLocation: sourceLocation)
    return frame?.payload ?? []
}

/// The peer receives nothing more, and the connection ends.
func expectEnd(of peer: RawPeer, sourceLocation: SourceLocation = #_sourceLocation) async {
    let rest = await peer.remainingFrames()
    #expect(rest == [], sourceLocation: sourceLocation)
}
