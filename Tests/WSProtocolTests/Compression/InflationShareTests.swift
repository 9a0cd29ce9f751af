import Testing

@testable import WSProtocol

/// Inflating so much and no more at a time, and no further than a limit allows.
@Suite(.timeLimit(.minutes(2))) struct InflationShareTests {
    private func agreement() throws -> CompressionAgreement {
        try #require(CompressionAgreement.accepting([ExtensionOffer(name: "permessage-deflate")], CompressionOptions()))
    }

    private func server(_ limits: MessageLimits = MessageLimits()) throws -> ProtocolMachine {
        ProtocolMachine(role: .server, limits: limits, compression: try agreement())
    }

    /// Messages of all kinds: long, short, in fragments, with a ping between.
    private func wire() throws -> [UInt8] {
        var client = ProtocolMachine(
            role: .client(maskKeys: { 0x1234_5678 }), limits: MessageLimits(), compression: try agreement())
        try client.send(binary: [UInt8](repeating: 0, count: 120_000))
        try client.send(text: String(repeating: "grün und ", count: 5_000))
        try client.sendFragment(binary: [UInt8](repeating: 1, count: 80_000), isFinal: false)
        try client.ping([1])
        try client.sendFragment(binary: (0..<80_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }, isFinal: true)
        try client.send(text: "not compressed", compress: false)
        try client.send(binary: [])
        return client.output.drain()
    }

    @Test(arguments: [100, 1000, 16_384, 65_536, 1_000_000], [Delivery.messages, .fragments])
    func `whatever is inflated at a time, the same comes out (W17, W28)`(share: Int, delivery: Delivery) throws {
        let bytes = try wire()
        var whole = try server()
        whole.delivery = delivery
        let expected = joined(whole.receive(bytes))
        for cut in [bytes.count, 1000, 97] {
            var machine = try server()
            machine.delivery = delivery
            var (events, most) = ([ProtocolEvent](), 0)
            for start in stride(from: 0, to: bytes.count, by: cut) {
                var part = Array(bytes[start..<min(start + cut, bytes.count)])
                unsafe part.withUnsafeMutableBytes { memory in
                    var window = unsafe InputWindow(memory)
                    while !window.isEmpty {
                        machine.allowInflation(of: share)
                        let before = machine.assembler.inflatedCount
                        while machine.mayInflate, let event = machine.nextEvent(&window) { events.append(event) }
                        most = max(most, machine.assembler.inflatedCount - before)
                    }
                }
            }
            #expect(joined(events) == expected)
            // One step beyond it at most.
            #expect(most <= share + (16 << 10) + 1)
        }
    }

    /// What the events carry, with the fragments of a message as one.
    private func joined(_ events: [ProtocolEvent]) -> [[UInt8]] {
        var all: [[UInt8]] = []
        var parts: [UInt8] = []
        for event in events {
            switch event {
            case .text(let text): all.append(Array(text.utf8))
            case .binary(let bytes), .ping(let bytes), .pong(let bytes): all.append(bytes)
            case .close, .failure: Issue.record("\(event)")
            case .fragment(let fragment):
                switch fragment.payload {
                case .text(let text): parts += text.utf8
                case .binary(let bytes): parts += bytes
                }
                guard fragment.isFinal else { continue }
                all.append(parts)
                parts = []
            }
        }
        return all
    }

    @Test func `a message that inflates further than the ratio allows is refused while it does (W17, T39)`() throws {
        func client() throws -> ProtocolMachine {
            ProtocolMachine(role: .client(maskKeys: { 0x1234_5678 }), compression: try agreement())
        }
        for (ratio, count, isRefused) in [
            (100, 1 << 20, true), (100, 65_536, false), (1032, 1 << 20, false), (1, 1 << 20, true),
            (nil, 1 << 20, false),
        ] as [(Int?, Int, Bool)] {
            var machine = try server(MessageLimits(maxInflationRatio: ratio))
            var sender = try client()
            try sender.send(binary: [UInt8](repeating: 0, count: count))
            let events = machine.receive(sender.output.drain())
            #expect(events.count == 1)
            guard case .failure(let failure) = events.first else {
                #expect(!isRefused)
                continue
            }
            #expect(isRefused)
            #expect(failure.code == .messageTooBig)
            #expect(failure.description.contains("inflationRatio \(ratio ?? 0)"))
            #expect(failure.description.utf8.count <= 123)
            // No more than was free of judgement, and a step.
            #expect(machine.bytesBuffered <= 96 << 10)
        }
        // What hardly compresses passes a strict limit.
        var machine = try server(MessageLimits(maxInflationRatio: 2))
        var sender = try client()
        var state: UInt64 = 1
        let noise: [UInt8] = (0..<500_000).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        try sender.send(binary: noise)
        #expect(machine.receive(sender.output.drain()) == [.binary(noise)])
    }
}
