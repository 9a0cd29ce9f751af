@testable import WSProtocol

/// The assembler against joined arrays: what comes out is what went in, text is never cut inside a character, and no
/// more is held than has come.
func fuzzAssembler(_ input: [UInt8]) {
    var choices = Choices(input)
    var run = AssemblerRun(&choices)
    while !choices.isEmpty, run.takePart(&choices) {}
    run.finish()
}

private struct AssemblerRun {
    /// So that a message may take several segments.
    private static let limit = 4 * MessageAssembler.segmentSize

    private let isText: Bool
    private var mode: MessageAssembler.Mode
    private var assembler = MessageAssembler()
    /// All payload so far, not masked.
    private var sent: [UInt8] = []
    private var delivered: [UInt8] = []
    private var isFirst = true
    private var isGood = true
    private var reference = ReferenceUTF8()

    init(_ choices: inout Choices) {
        isText = choices.flag()
        mode = choices.element(of: [.whole, .streamed, .discarded])
        assembler.begin(isText: isText, isCompressed: false, mode: mode)
    }

    /// - Returns: whether the message is good so far.
    mutating func takePart(_ choices: inout Choices) -> Bool {
        let step = choices.byte()
        var count = Int(step & 0x3F)
        if step & 0xC0 == 0xC0 { count *= step & 0x20 == 0 ? 67 : 1021 }
        if step & 0x40 != 0 { assembler.announce(count) }
        let plain =
            step & 0xC0 == 0xC0 ? (0..<count).map { UInt8(truncatingIfNeeded: 32 + $0 % 90) } : choices.bytes(count)
        guard sent.count + plain.count <= Self.limit else { return false }
        let key = UInt32(choices.byte()) &* 0x0101_0307
        var masked = plain.enumerated().map {
            $0.element ^ UInt8(truncatingIfNeeded: key >> (8 * UInt32($0.offset % 4)))
        }
        let isAccepted = unsafe masked.withUnsafeMutableBytes {
            unsafe assembler.append($0, key: key, capacityLimit: Self.limit)
        }
        expectVerdict(isAccepted, on: plain)
        guard isAccepted else { return false }
        require(
            assembler.capacity <= 2 * max(sent.count, 16) + 64, "\(assembler.capacity) bytes held for \(sent.count)")
        if choices.flag() { takeFragment() }
        if step == 0x80, mode != .discarded {
            assembler.discard()
            mode = .discarded
            require(assembler.capacity == 0, "memory held after discarding")
        }
        return true
    }

    private mutating func expectVerdict(_ isAccepted: Bool, on plain: [UInt8]) {
        sent += plain
        if isText, isGood { isGood = reference.accept(plain) }
        requireEqual(isAccepted, isGood, "verdict on \(sent.suffix(20))")
    }

    private mutating func takeFragment() {
        guard let event = assembler.takeFragment() else {
            require(
                mode != .streamed || sent.count - delivered.count <= assembler.validator.pendingCount,
                "nothing to deliver")
            return
        }
        require(mode == .streamed, "a fragment while \(mode)")
        take(event, isFinal: false)
    }

    private mutating func take(_ event: ProtocolEvent, isFinal: Bool) {
        guard case .fragment(let fragment) = event else { fatalError("\(event) for a fragment") }
        requireEqual(fragment.isFirst, isFirst, "first")
        requireEqual(fragment.isFinal, isFinal, "final")
        isFirst = false
        delivered += bytes(of: fragment.payload)
        requireEqual(delivered[...], sent.prefix(delivered.count), "delivered")
        require(sent.count - delivered.count <= 3, "\(sent.count - delivered.count) bytes held back")
    }

    private func bytes(of payload: MessagePayload) -> [UInt8] {
        switch payload {
        case .text(let text):
            require(isText, "text of a binary message")
            return Array(text.utf8)
        case .binary(let bytes):
            require(!isText, "bytes of a text message")
            return bytes
        }
    }

    mutating func finish() {
        guard isGood, sent.count <= Self.limit else { return }
        let isWhole = !isText || String(validating: sent, as: UTF8.self) != nil
        let event = assembler.finish(isShown: false)
        guard isWhole else {
            requireEqual(event, .failure(ProtocolFailure(.textNotUTF8)), "text that ends inside a character")
            return
        }
        switch mode {
        case .discarded: requireEqual(event, nil, "a discarded message")
        case .whole:
            requireEqual(event, isText ? .text(String(decoding: sent, as: UTF8.self)) : .binary(sent), "the message")
        case .streamed:
            guard let event else { fatalError("no last fragment") }
            take(event, isFinal: true)
            requireEqual(delivered, sent, "all fragments")
        }
        require(!assembler.isActive && assembler.capacity == 0, "something left of the message")
    }
}
