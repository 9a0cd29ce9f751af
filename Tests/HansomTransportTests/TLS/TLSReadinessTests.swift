import Testing

@testable import HansomTransport

/// Who is told what, and when: level-triggered, without recursion, and never after `close()`.
@Suite(.timeLimit(.minutes(2))) struct TLSReadinessTests {
    private let hello = Array("hello".utf8)

    @Test func `what the library holds is told although the stream below is silent`() throws {
        let scene = try TLSScene().settle()
        scene.server.readSize = 10
        scene.client.send([UInt8](repeating: 1, count: 5000))
        scene.loop.settle()
        #expect(scene.server.received.count == 5000)
        #expect(scene.serverEnd.waiting == 0)
    }

    @Test func `a reader that does nothing is told again on every tick, and not more often`() throws {
        let scene = try TLSScene().settle()
        scene.server.readSize = 1
        scene.client.send(hello)
        scene.loop.tick()
        scene.server.isLazy = true
        for _ in 0..<5 {
            let before = scene.server.timesToldReadable
            scene.loop.tick()
            #expect(scene.server.timesToldReadable == before + 1)
        }
        scene.server.isLazy = false
        scene.loop.settle()
        #expect(scene.server.received == hello)
    }

    @Test func `nothing is told while reads are not wanted, and at once when they are again`() throws {
        let scene = try TLSScene().settle()
        scene.server.readSize = 1
        scene.client.send(hello)
        scene.loop.tick()
        scene.server.isReading = false
        let before = scene.server.timesToldReadable
        #expect(scene.loop.settle())
        #expect(scene.server.timesToldReadable == before)
        scene.server.isReading = true
        scene.loop.settle()
        #expect(scene.server.received == hello)
    }

    @Test func `data in the same segment as the end of the handshake is told (T31)`() throws {
        let scene = try TLSScene()
        scene.client.start()
        scene.server.start()
        _ = scene.loop.run { scene.clientEnd.waiting > 0 }
        scene.serverEnd.isReadStalled = true
        _ = scene.loop.run { scene.client.handshake != nil }
        // The client's Finished and its first message wait together.
        scene.client.send(hello)
        #expect(scene.server.handshake == nil)
        scene.serverEnd.isReadStalled = false
        _ = scene.loop.run { scene.server.handshake != nil }
        #expect(scene.serverEnd.waiting == 0)
        scene.loop.settle()
        #expect(scene.server.received == hello)
    }

    @Test func `a part of a record makes nobody spin`() throws {
        let scene = try TLSScene().settle()
        scene.clientEnd.writeBudget = 60
        scene.client.send([UInt8](repeating: 2, count: 500))
        #expect(scene.loop.settle(limit: 20))
        #expect(scene.server.received.isEmpty)
        scene.clientEnd.writeBudget = .max
        scene.loop.settle()
        #expect(scene.server.received.count == 500)
    }

    @Test func `idle connections cause no ticks`() throws {
        let scene = try TLSScene().settle()
        #expect(!scene.loop.tick())
    }

    @Test func `the end is told until it is read, and again while reads are wanted`() throws {
        let scene = try TLSScene().settle()
        scene.server.isLazy = true
        scene.client.stream.closeWrite()
        scene.loop.tick()
        scene.loop.tick()
        #expect(scene.server.end == nil)
        scene.server.readOnce()
        #expect(scene.server.hasEndedOrderly)
        scene.server.isLazy = true
        scene.server.isReading = true
        let before = scene.server.timesToldReadable
        scene.loop.tick()
        #expect(scene.server.timesToldReadable == before + 1)
    }

    @Test func `nobody is told after close, although it was due`() throws {
        let scene = try TLSScene().settle()
        scene.server.readSize = 1
        scene.client.send(hello)
        scene.server.whenReadable = { [weak server = scene.server] in server?.stream.close() }
        scene.loop.settle()
        #expect(scene.server.timesToldReadable == 1)
        #expect(scene.serverEnd.isClosed)
        scene.server.stream.close()
    }

    @Test func `close in mid-handshake silences the completion`() throws {
        let scene = try TLSScene()
        scene.client.start()
        scene.server.start()
        scene.loop.tick()
        scene.client.stream.close()
        scene.loop.settle()
        #expect(scene.client.handshake == nil)
        #expect(scene.server.refusal != nil)
        #expect(scene.clientEnd.isClosed)
    }

    @Test func `reads and writes after close fail and do not crash`() throws {
        let scene = try TLSScene().settle()
        scene.client.stream.close()
        scene.client.send(hello)
        #expect(scene.client.writeFailure != nil)
        scene.client.readOnce()
        #expect(scene.client.readRefusal != nil)
    }

    @Test func `reads and writes before the handshake would block`() throws {
        let scene = try TLSScene()
        guard case .wouldBlock = scene.client.readOnce() else {
            Issue.record("a read came to something")
            return
        }
    }

    @Test func `renegotiation is refused in TLS 1.2 (S8)`() throws {
        let client = try TLSScene.clientContext()
        client.limit(to: .tls12)
        let scene = try TLSScene(client: client).settle()
        #expect(scene.server.details?.version == .tls12)
        #expect(!scene.client.stream.renegotiate(), "this side's own library refuses already")
        client.allowRenegotiation()
        let rude = try TLSScene(client: client).settle()
        #expect(rude.client.stream.renegotiate())
        rude.client.send(hello)
        #expect(rude.loop.settle())
        let refusal = rude.client.readRefusal ?? "\(String(describing: rude.client.writeFailure))"
        #expect(refusal.contains("no renegotiation"), "\(refusal)")
        #expect(rude.server.received.isEmpty)
    }
}
