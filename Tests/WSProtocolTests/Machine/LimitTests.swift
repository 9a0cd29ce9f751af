import Testing
import WSProtocol

@Suite(.timeLimit(.minutes(2))) struct LimitTests {
    @Test(arguments: [1, 125, 126, 1000])
    func `takes a message of the limit, and refuses one byte more at its header (W15)`(limit: Int) {
        let limits = MessageLimits(maxMessageSize: limit)
        let largest = [UInt8](repeating: 1, count: limit)
        var server = makeServer(limits)
        let events = server.receive([.binary(largest)])
        #expect(events == [.binary(largest)])
        let bytes = WireFrame.binary(largest + [1]).bytes()
        expectServer(
            receiving: Array(bytes.prefix(limit < 125 ? 2 : 4)), limits: limits,
            failsWith: .messageTooBig(count: limit + 1, limit: limit), code: .messageTooBig)
    }

    @Test func `counts what came before (T2)`() {
        expectServer(
            receiving: [WireFrame.text("12345", isFinal: false), .continuation("678901", isFinal: false)].bytes(),
            limits: MessageLimits(maxMessageSize: 10), failsWith: .messageTooBig(count: 11, limit: 10),
            code: .messageTooBig)
    }

    @Test func `refuses endless continuations at the limit, not later (T2)`() {
        var server = makeServer(MessageLimits(maxMessageSize: 1000, maxFragments: .max))
        _ = server.receive([.binary([0], isFinal: false)])
        var taken = 1
        while server.receive([.continuation([0], isFinal: false)]).isEmpty { taken += 1 }
        #expect(taken == 1000)
        #expect(server.bytesBuffered == 0)
    }

    @Test func `refuses a frame past its own limit`() {
        expectServer(
            receiving: WireFrame.binary(Array(repeating: 0, count: 11)).bytes(),
            limits: MessageLimits(maxFrameSize: 10), failsWith: .frameTooBig(count: 11, limit: 10), code: .messageTooBig
        )
        var server = makeServer(MessageLimits(maxFrameSize: 10))
        let events = server.receive([
            .binary(Array(repeating: 0, count: 10), isFinal: false), .continuation(Array(repeating: 1, count: 10)),
        ])
        #expect(events == [.binary(Array(repeating: 0, count: 10) + Array(repeating: 1, count: 10))])
    }

    @Test func `refuses a length of 2^63-1 after one byte of message, and allocates nothing (T6)`() {
        for max in [1 << 20, Int.max] {
            var server = makeServer(MessageLimits(maxMessageSize: max))
            _ = server.receive([.binary([1], isFinal: false)])
            let events = server.receive([0x80, 0xFF, 0x7F] + Array(repeating: 0xFF, count: 7) + [0, 0, 0, 0])
            #expect(events == [.failure(ProtocolFailure(.messageTooBig(count: .max, limit: max)))])
            #expect(server.bytesBuffered == 0)
        }
    }

    @Test func `allocates nothing for a length that is only claimed (T7)`() {
        var server = makeServer(MessageLimits(maxMessageSize: .max))
        let claim: [UInt8] = [0x82, 0xFF, 0x7F] + Array(repeating: 0xFF, count: 7) + [0, 0, 0, 0]
        let events = server.receive(claim)
        #expect(events.isEmpty)
        #expect(server.isMidMessage == true)
        #expect(server.bytesBuffered == 0)
        _ = server.receive([UInt8](repeating: 1, count: 1000))
        let held = server.bytesBuffered
        #expect((1000...2200).contains(held))
    }

    @Test(arguments: [1, 0])
    func `refuses fragment 1,025, full or empty (T3)`(payloadCount: Int) {
        let payload = [UInt8](repeating: 1, count: payloadCount)
        var server = makeServer()
        _ = server.receive([.binary(payload, isFinal: false)])
        var frames = 1
        var last: [ProtocolEvent] = []
        while last.isEmpty, frames < 2000 {
            last = server.receive([.continuation(payload, isFinal: false)])
            frames += 1
        }
        #expect(frames == 1025)
        #expect(last == [.failure(ProtocolFailure(.tooManyFragments(limit: 1024)))])
        #expect(server.bytesBuffered == 0)
    }

    @Test func `moves each byte a constant number of times, whatever the number of fragments (T4)`() {
        /// The bytes that are moved when memory grows: the capacity that was left behind each time.
        func bytesMoved(fragments: Int) -> Int {
            var server = makeServer(MessageLimits(maxMessageSize: .max, maxFragments: .max))
            _ = server.receive([.binary([1], isFinal: false)])
            var moved = 0
            var capacity = server.bytesBuffered
            for _ in 0..<fragments {
                _ = server.receive([.continuation([1], isFinal: false)])
                if server.bytesBuffered != capacity {
                    moved += capacity
                    capacity = server.bytesBuffered
                }
            }
            return moved
        }
        let (once, twice) = (bytesMoved(fragments: 20_000), bytesMoved(fragments: 40_000))
        #expect(once <= 2 * 20_000)
        #expect(twice <= 2 * 40_000)
    }

    @Test func `has no limit for what it throws away after our close`() throws {
        var server = makeServer(MessageLimits(maxMessageSize: 10))
        try server.close()
        let events = server.receive([.binary(Array(repeating: 1, count: 100)), .close(1000)])
        #expect(events == [.close(CloseFrame(code: .normal))])
    }
}
