@testable import WSProtocol

/// Bytes of a peer against the plain reading of RFC 6455: same events, and an answer that the peer can read.
func fuzzFrames(_ input: [UInt8]) {
    var choices = Choices(input)
    let isServer = choices.flag()
    let hasClosed = choices.byte() % 8 == 1
    let limits = FrameLimits.choose(&choices)
    let bytes = choices.remaining()

    var machine = ProtocolMachine.make(isServer: isServer, limits: limits)
    if hasClosed { try? machine.close(code: .goingAway) }
    let events = machine.receiveAll([bytes])
    let reference = ReferenceDecoder(bytes, isServer: isServer, limits: limits, hasClosed: hasClosed)
    requireEqual(events, reference.events, "events")
    requireEnds(events, machine.state)
    requireAnswers(machine.output.drain(), to: events, isServer: isServer, hasClosed: hasClosed)
    requireCanonicalHeader(bytes, isServer: isServer)
}

enum FrameLimits {
    static func choose(_ choices: inout Choices) -> MessageLimits {
        switch choices.byte() % 4 {
        case 0: MessageLimits()
        case 1: MessageLimits(maxMessageSize: 200, maxFrameSize: 100, maxFragments: 3)
        case 2: MessageLimits(maxMessageSize: 1 << 16, maxFragments: 2)
        default: MessageLimits(maxMessageSize: choices.number(upTo: 255), maxFragments: choices.number(upTo: 7))
        }
    }
}

/// A pong for each ping, unless they were too many, and a close for the end.
private func requireAnswers(_ output: [UInt8], to events: [ProtocolEvent], isServer: Bool, hasClosed: Bool) {
    let answers = requireSound(output: output, of: isServer)
    if hasClosed {
        requireEqual(answers, [.close(CloseFrame(code: .goingAway))], "output after the close frame")
        return
    }
    var expected: [ProtocolEvent] = events.compactMap { event in
        switch event {
        case .ping(let payload): .pong(payload)
        case .close(let close): .close(CloseFrame(code: close.code))
        case .failure(let failure): .close(CloseFrame(code: failure.code, reason: failure.description))
        default: nil
        }
    }
    if output.count > ProtocolMachine.pongBound {
        // Some pings have been answered by the pong for a later one.
        expected = expected.filter(\.isEnd)
        requireEqual(answers.filter(\.isEnd), expected, "close in the output")
        require(output.count <= ProtocolMachine.pongBound + 3 * 140, "\(output.count) bytes for pings")
    } else {
        requireEqual(answers, expected, "answers")
    }
}

/// There is one way to write a header, so what was read is written the same.
private func requireCanonicalHeader(_ bytes: [UInt8], isServer: Bool) {
    var machine = ProtocolMachine.make(isServer: isServer, limits: MessageLimits(maxMessageSize: .max))
    let step = unsafe bytes.withUnsafeBytes { unsafe machine.readHeader($0) }
    guard case .complete(let header) = step else { return }
    require(header.size <= min(bytes.count, FrameHeader.maxSize), "header of \(header.size) bytes")
    var written = [UInt8](repeating: 0, count: header.size)
    // Safety: there is room for `size` bytes.
    unsafe written.withUnsafeMutableBytes { unsafe header.encode(to: $0.baseAddress.unsafelyUnwrapped) }
    requireEqual(written, Array(bytes.prefix(header.size)), "header")
}
