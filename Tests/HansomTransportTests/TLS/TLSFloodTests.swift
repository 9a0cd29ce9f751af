import Testing

@testable import HansomTransport

/// Peers that send messages of TLS itself beside data, or data in crumbs: cheap to send, dear to take in.
@Suite(.timeLimit(.minutes(2))) struct TLSFloodTests {
    private func refusal(_ party: TLSParty) -> String { party.readRefusal ?? "\(String(describing: party.end))" }

    @Test(arguments: [false, true])
    func `a flood of key updates ends the connection, at a server and at a client (T43)`(byServer: Bool) throws {
        let scene = try TLSScene(capacity: 1 << 20).settle()
        let (flooder, victim) = byServer ? (scene.server, scene.client) : (scene.client, scene.server)
        for _ in 0..<500 { flooder.stream.updateKeyAtOnce() }
        flooder.send([1])
        #expect(scene.loop.settle())
        #expect(refusal(victim).contains("floods this side with messages of TLS"), "\(refusal(victim))")
        #expect(refusal(victim).contains(byServer ? "the server" : "the client"))
        #expect(victim.received.isEmpty)
        victim.send([1])
        #expect(victim.writeFailure != nil)
    }

    @Test(arguments: [false, true])
    func `a byte of data between two key updates excuses nothing (T43)`(byServer: Bool) throws {
        let scene = try TLSScene(capacity: 1 << 20).settle()
        let (flooder, victim) = byServer ? (scene.server, scene.client) : (scene.client, scene.server)
        let end = byServer ? scene.clientEnd : scene.serverEnd
        end.isReadStalled = true
        for _ in 0..<2000 {
            flooder.stream.updateKey(answered: false)
            flooder.send([1])
        }
        end.isReadStalled = false
        #expect(scene.loop.settle())
        #expect(refusal(victim).contains("floods"), "\(refusal(victim))")
        // One more for each second that this machine may have taken.
        #expect(victim.received.count < 200)
    }

    @Test func `a flood of key updates is not even deciphered once it is known (T43)`() throws {
        let scene = try TLSScene(capacity: 1 << 20).settle()
        for _ in 0..<2000 { scene.client.stream.updateKeyAtOnce() }
        scene.loop.tick()
        #expect(refusal(scene.server).contains("floods"))
        // The library reads up to 16 KiB at once: of some 600 updates in it 33 were looked at.
        #expect(scene.serverEnd.waiting > 20_000)
    }

    @Test func `as many key updates as anybody needs are taken, with their answers (T43)`() throws {
        for isAnswered in [false, true] {
            let scene = try TLSScene().settle()
            for _ in 0..<Int(TLSAllowance.most) - 2 {
                scene.client.stream.updateKey(answered: isAnswered)
                scene.client.send([1])
            }
            scene.server.send([2, 2])
            #expect(scene.loop.settle())
            #expect(scene.server.received.count == Int(TLSAllowance.most) - 2)
            #expect(scene.client.received == [2, 2])
        }
    }

    @Test func `a flood of session tickets ends a client's connection (T43)`() throws {
        let scene = try TLSScene(capacity: 1 << 20).settle()
        for _ in 0..<20 { scene.server.stream.sendTicket() }
        scene.server.send([1])
        #expect(scene.loop.settle())
        #expect(scene.client.received == [1])
        for _ in 0..<200 { scene.server.stream.sendTicket() }
        scene.server.send([2])
        #expect(scene.loop.settle())
        #expect(refusal(scene.client).contains("the server floods"), "\(refusal(scene.client))")
        #expect(scene.client.received == [1])
    }

    @Test func `a flood of requests for another handshake ends a client's connection, in TLS 1.2 (T43)`() throws {
        let server = try TLSScene.serverContext()
        server.limit(to: .tls12)
        server.allowRenegotiation()
        let scene = try TLSScene(server: server, capacity: 1 << 20).settle()
        #expect(scene.client.details?.version == .tls12)
        for _ in 0..<2000 { scene.server.stream.renegotiateAtOnce() }
        #expect(scene.clientEnd.waiting > 0)
        #expect(scene.loop.settle())
        #expect(scene.client.readRefusal != nil)
    }

    @Test func `each message counts once, and one that the library drops counts by its record (T43)`() {
        func violation(after count: Int, _ step: (inout TLSMessageCount) -> Void) -> String? {
            var counts = TLSMessageCount()
            counts.isOpen = true
            for _ in 0..<count { step(&counts) }
            return counts.violation
        }
        // Key updates: a record, and the message in it. On a slow machine a second may pass, and one more is allowed.
        for (step, name) in [
            (
                {
                    $0.record(isHandshake: true)
                    $0.message(kind: 24)
                }, "update"
            ),
            // What a client sends to begin another handshake in TLS 1.2: OpenSSL drops it, and tells of the record
            // only.
            ({ $0.record(isHandshake: true) }, "dropped"),
            // Several tickets in one record.
            ({ $0.message(kind: 4) }, "tickets"),
        ] as [((inout TLSMessageCount) -> Void, String)] {
            #expect(violation(after: 32, step) == nil, "\(name)")
            #expect(violation(after: 2000, step) != nil, "\(name)")
        }
        #expect(violation(after: 2000) { $0.record(isHandshake: false) } == nil)
        // Before the handshake is done its messages are what is wanted; but no client wants requests for another.
        var handshake = TLSMessageCount()
        for _ in 0..<2000 {
            handshake.record(isHandshake: true)
            handshake.message(kind: 11)
        }
        #expect(handshake.violation == nil)
        for _ in 0..<2000 { handshake.message(kind: 0) }
        #expect(handshake.violation != nil)
    }

    @Test func `messages of TLS are earned by waiting, up to a bound (T43)`() {
        let second: UInt64 = 1_000_000_000
        var allowance = TLSAllowance()
        func takeAll(at now: UInt64) -> Int { (0..<1000).count { _ in allowance.take(now: now) } }
        #expect(takeAll(at: 5 * second) == 32)
        #expect(takeAll(at: 6 * second - 1) == 0)
        #expect(takeAll(at: 6 * second) == 1)
        #expect(takeAll(at: 8 * second + second / 2) == 2)
        #expect(takeAll(at: 9 * second) == 1)
        #expect(takeAll(at: 3 * second) == 0)
        #expect(takeAll(at: 10_000 * second) == 32)
        #expect(takeAll(at: .max) == 32)
    }

    @Test func `an update an hour, with nothing between, goes on for ever (T43)`() {
        var allowance = TLSAllowance()
        for hour in 0..<10_000 as Range<UInt64> {
            let isGiven = allowance.take(now: hour * 3_600_000_000_000)
            #expect(isGiven)
        }
    }

    @Test func `records of one byte are as much work as one read may be, and none is lost (T43)`() throws {
        let scene = try TLSScene(capacity: 1 << 20).settle()
        scene.server.readSize = 64 << 10
        scene.serverEnd.isReadStalled = true
        for byte in 0..<5000 { scene.client.send([UInt8(truncatingIfNeeded: byte)]) }
        scene.serverEnd.isReadStalled = false
        scene.server.readOnce()
        // As many as stood in the library's buffer, which it fills once for each call.
        #expect((1...TLSStream.recordsPerRead).contains(scene.server.received.count))
        #expect(scene.loop.settle())
        #expect(scene.server.received == (0..<5000).map { UInt8(truncatingIfNeeded: $0) })
    }

    @Test func `empty records without end break the connection (T43)`() throws {
        // OpenSSL counts these itself; here is shown that it does.
        let server = try TLSScene.serverContext()
        let scene = try TLSScene(server: server).settle()
        scene.serverEnd.inject((0..<40).flatMap { _ in [23, 3, 3, 0, 0] as [UInt8] })
        #expect(scene.loop.settle())
        #expect(scene.server.readRefusal != nil)
    }
}
