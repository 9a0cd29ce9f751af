@testable import WSProtocol

/// Compression, in two ways: bytes that pretend to be deflated, and messages that are.
func fuzzDeflate(_ input: [UInt8]) {
    var choices = Choices(input)
    if choices.flag() {
        inflateAnything(&choices)
    } else {
        roundTrip(&choices)
    }
}

// MARK: - Anything

/// Compressed messages of arbitrary bytes, in one piece and in many: the same comes out, no more than the limit, of
/// text only what is UTF-8, and nothing is held behind a failure.
private func inflateAnything(_ choices: inout Choices) {
    let limits = MessageLimits(maxMessageSize: choices.element(of: [100, 5000, 70_000, 1 << 20]), maxFragments: 50)
    let agreement = Agreements.choose(&choices)
    let delivery: Delivery = choices.flag() ? .fragments : .messages
    let cuts = choices.bytes(choices.number(upTo: 5))
    let frames = CompressedFrames.choose(&choices)

    func run(_ pieces: [[UInt8]]) -> (events: [ProtocolEvent], joined: [UInt8], state: ProtocolMachine.State) {
        var machine = ProtocolMachine.make(isServer: false, limits: limits, compression: agreement)
        machine.delivery = delivery
        let events = machine.receiveAll(pieces)
        requireEnds(events, machine.state)
        require(machine.state != .failed || !machine.holdsCompressionContext, "an inflater behind a failure")
        return (events, requireWithin(limits, events), machine.state)
    }
    let whole = run([frames])
    let pieces = run(frames.pieces(cutBy: cuts))
    let hasFailed = whole.state == .failed || pieces.state == .failed
    let common = hasFailed ? min(whole.joined.count, pieces.joined.count) : .max
    requireEqual(pieces.joined.prefix(common), whole.joined.prefix(common), "what was inflated")
    let isMalformed = (whole.events + pieces.events).contains(where: \.isMalformedCompression)
    if isMalformed, agreement.isLenient(isServer: false) { return }
    requireEqual(pieces.state, whole.state, "state")
    requireEqual(pieces.events.last?.failureKind, whole.events.last?.failureKind, "failure")
    if delivery == .messages { requireEqual(pieces.events, whole.events, "events") }
}

/// Expects that no message is longer than the limit.
///
/// - Returns: the payload of all of them.
private func requireWithin(_ limits: MessageLimits, _ events: [ProtocolEvent]) -> [UInt8] {
    var joined: [UInt8] = []
    var count = 0
    for event in events {
        let payload: [UInt8]
        var (isFirst, isFinal) = (true, true)
        switch event {
        case .text(let text): payload = Array(text.utf8)
        case .binary(let bytes): payload = bytes
        case .fragment(let fragment):
            (isFirst, isFinal) = (fragment.isFirst, fragment.isFinal)
            switch fragment.payload {
            case .text(let text): payload = Array(text.utf8)
            case .binary(let bytes): payload = bytes
            }
        default: continue
        }
        requireEqual(isFirst, count == 0, "first")
        joined += payload
        // One more than none, so that an empty part is a beginning, too.
        count = isFinal ? 0 : count + payload.count + (count == 0 ? 1 : 0)
        require(
            payload.count <= limits.maxMessageSize && count - 1 <= limits.maxMessageSize, "a message of \(count) bytes")
    }
    return joined
}

// MARK: - There and back

/// Messages of all kinds through both ends: each arrives as it was sent, and what is sent is sound.
private func roundTrip(_ choices: inout Choices) {
    let agreed = Agreements.negotiate(
        client: Agreements.chooseOptions(&choices), server: Agreements.chooseOptions(&choices))
    let fromServer = choices.flag()
    var sender = ProtocolMachine.make(
        isServer: fromServer, limits: .init(), compression: fromServer ? agreed.server : agreed.client)
    var receiver = ProtocolMachine.make(
        isServer: !fromServer, limits: .init(maxMessageSize: 1 << 22, maxFragments: 1 << 20),
        compression: fromServer ? agreed.client : agreed.server)
    let cuts = choices.bytes(choices.number(upTo: 3))
    var rounds = 0
    while !choices.isEmpty, rounds < 12 {
        rounds += 1
        let expected = send(&choices, to: &sender)
        let bytes = sender.output.drain()
        requireEqual(
            receiver.receiveAll(bytes.count < 5000 ? bytes.pieces(cutBy: cuts) : [bytes]), [expected], "received")
    }
    requireEqual(sender.counters.framesSent, receiver.counters.framesReceived, "frames")
    requireEqual(sender.counters.bytesSent, receiver.counters.bytesReceived, "bytes")
}

/// Sends one message in one of the ways that there are.
private func send(_ choices: inout Choices, to sender: inout ProtocolMachine) -> ProtocolEvent {
    let way = choices.byte()
    let payload = DeflatePayload.choose(&choices)
    let text = String(validating: payload, as: UTF8.self)
    let wish: Bool? = [nil, true, false, nil][Int(way >> 6)]
    do {
        switch (way % 4, text) {
        case (0, let text?): try sender.send(text: text, compress: wish)
        case (0, nil): try sender.send(binary: payload, compress: wish)
        case (1, _):
            let middle = payload.count / 3
            try sender.sendFragment(binary: Array(payload[..<middle]), isFinal: false, compress: wish)
            try sender.sendFragment(binary: Array(payload[middle...]), isFinal: way & 16 != 0)
            if way & 16 == 0 { try sender.sendFragment(binary: [], isFinal: true) }
            return .binary(payload)
        case (2, let text?): try sender.send(EncodedMessage(text: text, compression: way & 16 == 0 ? nil : .init()))
        case (2, nil): try sender.send(EncodedMessage(binary: payload, compression: way & 16 == 0 ? nil : .init()))
        default:
            if try sender.sendCompressed(binary: payload, wish, frameSize: 1 + Int(way >> 2)) == nil {
                try sender.send(binary: payload, compress: false)
            }
            return .binary(payload)
        }
    } catch {
        fatalError("\(error)")
    }
    return text.map { .text($0) } ?? .binary(payload)
}

extension ProtocolEvent {
    fileprivate var failureKind: ProtocolFailure.Kind? {
        if case .failure(let failure) = self { failure.kind } else { nil }
    }
}
