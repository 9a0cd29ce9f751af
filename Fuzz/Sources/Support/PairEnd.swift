@testable import WSProtocol

/// One of two ends, with what it has sent and what it was told.
struct PairEnd: ~Copyable {
    /// What came of a frame, fragments joined.
    enum Item: Equatable {
        case message([UInt8], isText: Bool)
        case ping([UInt8])
        case pong([UInt8])
        case close(CloseFrame)
    }

    private(set) var machine: ProtocolMachine
    /// In the order of their ends, pongs left out, which machines send themselves.
    private(set) var sent: [Item] = []
    private(set) var received: [Item] = []
    /// Whether it has sent a close frame of its own, not as an answer.
    private var hasClosed = false
    /// The message that is being sent in fragments, so far.
    private var fragments: [UInt8] = []
    private var fragmentsAreText = false
    /// The message that is being received in parts, so far.
    private var parts: [UInt8] = []
    private var hasEnded = false

    init(isServer: Bool, _ delivery: Delivery, _ agreement: CompressionAgreement?) {
        machine = .make(isServer: isServer, limits: .init(), compression: agreement)
        machine.delivery = delivery
    }

    var hasNothingToSend: Bool { machine.output.isEmpty }

    // MARK: What it does

    mutating func act(_ action: UInt8, _ choices: inout Choices) {
        let before = (machine.output.count, machine.state)
        do throws(ProtocolMisuse) {
            try perform(action, &choices)
            require(before.1 == .open, "sent something while \(before.1)")
        } catch {
            require(machine.output.count == before.0, "\(error), and yet something was queued")
            require(error != .closed || before.1 != .open, "closed, says it, while open")
        }
    }

    private mutating func perform(_ action: UInt8, _ choices: inout Choices) throws(ProtocolMisuse) {
        let count = Int(action >> 3) * (action & 4 == 0 ? 1 : 600)
        let wish: Bool? = action & 1 == 0 ? nil : true
        switch action & 7 {
        case 0, 4:
            let payload = [UInt8](repeating: choices.byte(), count: count)
            if wish == nil, count & 1 == 1 {
                try machine.send(EncodedMessage(binary: payload, compression: machine.sharedCompression))
            } else {
                try machine.send(binary: payload, compress: wish)
            }
            sent.append(.message(payload, isText: false))
        case 1, 5:
            let text = String(repeating: "aé世😀", count: count / 8) + String(action)
            try machine.send(text: text, compress: wish)
            sent.append(.message(Array(text.utf8), isText: true))
        case 2: try sendFragment(choices.bytes(count), isFinal: choices.flag())
        case 3:
            let payload = choices.bytes(count * 9)
            try machine.ping(payload)
            sent.append(.ping(payload))
        case 6:
            let payload = choices.bytes(count & 15)
            try machine.pong(payload)
        default:
            if action >> 3 == 1 {
                try close(&choices)
            } else {
                try sendFragment(Array("é".utf8), isFinal: choices.flag())
            }
        }
    }

    private mutating func sendFragment(_ payload: [UInt8], isFinal: Bool) throws(ProtocolMisuse) {
        let begins = !machine.isSendingMessage
        let text = String(validating: payload, as: UTF8.self)
        let isText = begins ? text != nil && payload.count & 1 == 0 : fragmentsAreText
        if isText {
            try machine.sendFragment(text: text ?? "?", isFinal: isFinal)
        } else {
            try machine.sendFragment(binary: payload, isFinal: isFinal)
        }
        if begins { (fragments, fragmentsAreText) = ([], isText) }
        fragments += isText && text == nil ? Array("?".utf8) : payload
        if isFinal { sent.append(.message(fragments, isText: isText)) }
    }

    private mutating func close(_ choices: inout Choices) throws(ProtocolMisuse) {
        let code = CloseCode(rawValue: UInt16(choices.number(upTo: 5000)))
        let reason = String(repeating: "r", count: Int(choices.byte() & 127))
        try machine.close(code: code, reason: reason)
        sent.append(.close(CloseFrame(code: code, reason: reason)))
        hasClosed = true
    }

    mutating func beginClose() {
        guard machine.state == .open else { return }
        do throws(ProtocolMisuse) {
            try machine.close(code: .goingAway)
        } catch {
            fatalError("\(error) from an open machine")
        }
        sent.append(.close(CloseFrame(code: .goingAway)))
        hasClosed = true
    }

    // MARK: What it is told

    mutating func receive(_ bytes: [UInt8]) {
        let wasOver = machine.state == .closed || machine.state == .failed
        let waiting = machine.output.count
        let events = machine.receive(bytes)
        machine.requireBounded()
        if wasOver { require(events.isEmpty && machine.output.count == waiting, "something happened behind the end") }
        for event in events { take(event) }
    }

    private mutating func take(_ event: ProtocolEvent) {
        require(!hasEnded, "\(event) behind the end")
        switch event {
        case .text(let text): received.append(.message(Array(text.utf8), isText: true))
        case .binary(let bytes): received.append(.message(bytes, isText: false))
        case .fragment(let fragment): take(fragment)
        case .ping(let payload): received.append(.ping(payload))
        case .pong(let payload): received.append(.pong(payload))
        case .close(let close):
            received.append(.close(close))
            if !hasClosed { sent.append(.close(CloseFrame(code: close.code))) }
            hasEnded = true
        case .failure: hasEnded = true
        }
    }

    private mutating func take(_ fragment: MessageFragment) {
        if fragment.isFirst { parts = [] }
        switch fragment.payload {
        case .text(let text): parts += text.utf8
        case .binary(let bytes): parts += bytes
        }
        guard fragment.isFinal else { return }
        let isText = if case .text = fragment.payload { true } else { false }
        received.append(.message(parts, isText: isText))
    }

    /// The next bytes for the peer.
    mutating func takeOutput(_ count: Int) -> [UInt8] {
        machine.preparePendingOutput()
        var bytes: [UInt8] = []
        for index in 0..<machine.output.chunkCount where bytes.count < count {
            // Safety: the piece is copied at once.
            unsafe bytes += Array(machine.output.chunk(index).prefix(count - bytes.count))
        }
        machine.output.consume(bytes.count)
        recycleStorage()
        return bytes
    }

    /// An empty buffer gives its memory back, and gets other memory before it is used again, as under a scheduler.
    private mutating func recycleStorage() {
        // Safety: the buffer has given it up, or is empty and gets memory that nobody else has.
        unsafe machine.output.reclaim()?.deallocate()
        if !machine.output.hasStorage, machine.counters.framesSent & 1 == 1 {
            unsafe machine.output.lend(.allocate(byteCount: 64, alignment: 16))
        }
    }

    /// Whole messages, or their parts, from the next one on.
    mutating func changeDelivery() {
        machine.delivery = machine.delivery == .messages ? .fragments : .messages
    }

    // MARK: The end

    mutating func finish() {
        let isOver = machine.state == .closed || machine.state == .failed
        require(!isOver || !machine.holdsCompressionContext, "compression held after the end")
        let held = machine.bytesBuffered
        require(!isOver || held == 0, "memory held after the end")
    }

    /// What arrived of messages, pings and the close is what was sent, in this order; a receiver that has sent its
    /// close frame is given no more messages.
    static func requireDelivered(from sender: borrowing PairEnd, to receiver: borrowing PairEnd) {
        func isOwn(_ item: Item) -> Bool { if case .pong = item { false } else { true } }
        let (sent, received) = (sender.sent, receiver.received.filter(isOwn))
        if !receiver.hasClosed {
            requireEqual(received, sent, "received")
            return
        }
        func isMessage(_ item: Item) -> Bool { if case .message = item { true } else { false } }
        requireEqual(received.filter { !isMessage($0) }, sent.filter { !isMessage($0) }, "control frames")
        let messages = received.filter(isMessage)
        requireEqual(messages[...], sent.filter(isMessage).prefix(messages.count), "messages")
    }
}
