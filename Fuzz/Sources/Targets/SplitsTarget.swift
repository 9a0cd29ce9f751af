@testable import WSProtocol

/// One stream of bytes, cut anywhere, against itself in one piece: same events, same output, same counters. With and
/// without compression, as whole messages and part by part.
func fuzzSplits(_ input: [UInt8]) {
    var choices = Choices(input)
    let isServer = choices.flag()
    let limits = FrameLimits.choose(&choices)
    let agreement = choices.flag() ? Agreements.choose(&choices) : nil
    let delivery: Delivery = choices.flag() ? .fragments : .messages
    let closesFirst = choices.byte() % 16 == 1
    let cuts = choices.bytes(choices.number(upTo: 7))
    let bytes = choices.remaining()

    func run(_ pieces: [[UInt8]]) -> SplitOutcome {
        var machine = ProtocolMachine.make(isServer: isServer, limits: limits, compression: agreement)
        machine.delivery = delivery
        if closesFirst { try? machine.close() }
        let events = machine.receiveAll(pieces)
        requireEnds(events, machine.state)
        let isOver = machine.state == .closed || machine.state == .failed
        require(!isOver || !machine.holdsCompressionContext, "compression held after the end")
        return SplitOutcome(events, &machine)
    }
    let whole = run([bytes])
    let isLenient = agreement?.isLenient(isServer: isServer) ?? false
    whole.requireSame(run(bytes.pieces(cutBy: cuts)), isLenient, "in pieces of \(cuts)")
    whole.requireSame(run(bytes.map { [$0] }), isLenient, "byte by byte")
    _ = requireSound(output: whole.output, of: isServer)
}

/// What a stream came to, with fragments joined: where they are cut depends on where the stream is.
private struct SplitOutcome {
    private(set) var events: [ProtocolEvent] = []
    /// The parts of a message whose end has not come.
    private var unfinished: [UInt8] = []
    let output: [UInt8]
    private let counters: FrameCounters
    private let state: ProtocolMachine.State

    init(_ all: [ProtocolEvent], _ machine: inout ProtocolMachine) {
        counters = machine.counters
        state = machine.state
        output = machine.output.drain()
        var isInMessage = false
        for event in all {
            guard case .fragment(let fragment) = event else {
                events.append(event)
                continue
            }
            requireEqual(fragment.isFirst, !isInMessage, "first")
            isInMessage = !fragment.isFinal
            join(fragment)
        }
    }

    private mutating func join(_ fragment: MessageFragment) {
        switch fragment.payload {
        case .text(let text): unfinished += text.utf8
        case .binary(let bytes): unfinished += bytes
        }
        guard fragment.isFinal else { return }
        if case .text = fragment.payload {
            guard let text = String(validating: unfinished, as: UTF8.self) else {
                fatalError("text delivered that is none")
            }
            events.append(.text(text))
        } else {
            events.append(.binary(unfinished))
        }
        unfinished = []
    }

    /// - Parameter isLenient: whether a malformed stream may fail sooner in one than in the other.
    func requireSame(_ other: SplitOutcome, _ isLenient: Bool, _ how: @autoclosure () -> String) {
        if isLenient, (events + other.events).contains(where: \.isMalformedCompression) {
            let (ours, theirs) = (delivered, other.delivered)
            let common = min(ours.count, theirs.count)
            return requireEqual(ours.prefix(common), theirs.prefix(common), "delivered \(how())")
        }
        requireEqual(other.events, events, "events \(how())")
        requireEqual(other.output, output, "output \(how())")
        requireEqual(other.counters, counters, "counters \(how())")
        requireEqual(other.state, state, "state \(how())")
        // Of a message that fails, the good beginning is delivered sooner or never.
        let common = min(unfinished.count, other.unfinished.count)
        requireEqual(unfinished.prefix(common), other.unfinished.prefix(common), "message in progress \(how())")
        require(state == .failed || unfinished == other.unfinished, "message in progress \(how())")
    }

    /// What was whole before the failure.
    private var delivered: ArraySlice<ProtocolEvent> { events.prefix { !$0.isEnd } }
}
