@testable import WSProtocol

/// The key that fuzzed clients mask with.
let fuzzMaskKey: UInt32 = 0x37FE_019C

extension ProtocolMachine {
    static func make(isServer: Bool, limits: MessageLimits, compression: CompressionAgreement? = nil) -> ProtocolMachine
    {
        ProtocolMachine(
            role: isServer ? .server : .client(maskKeys: { fuzzMaskKey }), limits: limits, compression: compression)
    }

    /// Feeds the pieces one after the other, and expects after each that no more is held than the limits allow.
    mutating func receiveAll(_ pieces: [[UInt8]]) -> [ProtocolEvent] {
        var events: [ProtocolEvent] = []
        for piece in pieces {
            events += receive(piece)
            requireBounded()
        }
        return events
    }

    /// What is held for a message in progress stays within the limit, but for the room that the allocator rounds up to,
    /// and a control frame.
    mutating func requireBounded() {
        let most = 2 * limits.maxMessageSize + 1024
        let held = bytesBuffered
        require(held <= most, "\(held) bytes held, at most \(most) allowed")
    }
}

/// Nothing comes behind the end, and what has failed or ended is so.
func requireEnds(_ events: [ProtocolEvent], _ state: ProtocolMachine.State) {
    guard let end = events.firstIndex(where: \.isEnd) else {
        require(state == .open || state == .closeSent, "\(state) without an end")
        return
    }
    requireEqual(end, events.count - 1, "place of the end")
    if case .failure(let failure) = events[end] {
        requireEqual(state, .failed, "state after a failure")
        let text = failure.description
        require(text.utf8.count <= 123 && text.utf8.allSatisfy { $0 < 0x80 }, "reason \(text) fits no close frame")
        require(failure.code.canBeSent, "code \(failure.code) cannot be sent")
    } else {
        requireEqual(state, .closed, "state after a close")
    }
}

/// What one end sends is sound to the other: frames in their canonical form, at most one close, and nothing behind it.
func requireSound(output: [UInt8], of isServer: Bool, compression: CompressionAgreement? = nil) -> [ProtocolEvent] {
    let generous = MessageLimits(maxMessageSize: 1 << 30, maxFragments: 1 << 20)
    var peer = ProtocolMachine.make(isServer: !isServer, limits: generous, compression: compression)
    let events = peer.receive(output)
    if let end = events.firstIndex(where: \.isEnd) {
        requireEqual(end, events.count - 1, "place of the end in the output")
        guard case .close = events[end] else { fatalError("output that fails: \(events[end])") }
    }
    require(!peer.isMidInput, "output that ends within a frame")
    return events
}

extension ProtocolEvent {
    var isMalformedCompression: Bool {
        if case .failure(let failure) = self { failure.kind == .malformedCompression } else { false }
    }

    var isEnd: Bool {
        switch self {
        case .close, .failure: true
        default: false
        }
    }
}
