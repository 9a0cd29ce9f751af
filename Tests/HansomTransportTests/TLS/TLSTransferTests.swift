import Testing

@testable import HansomTransport

/// Bytes in both directions, whatever the stream below does.
@Suite(.timeLimit(.minutes(2))) struct TLSTransferTests {
    private func noise(_ count: Int, seed: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ ($0 >> 8) &* 7 &+ seed) }
    }

    private func expectExchange(_ scene: TLSScene, upload: Int, download: Int, _ comment: Comment? = nil) {
        let (up, down) = (noise(upload, seed: 1), noise(download, seed: 2))
        scene.client.send(up)
        scene.server.send(down)
        _ = scene.loop.run { scene.server.received.count == upload && scene.client.received.count == download }
        #expect(scene.server.received == up, comment)
        #expect(scene.client.received == down, comment)
        #expect(scene.client.hasWrittenAll && scene.server.hasWrittenAll, comment)
    }

    @Test(arguments: [0, 1, 125, 126, 16_383, 16_384, 16_385, 65_536, 3_000_000])
    func `any amount passes both ways at once`(count: Int) throws {
        expectExchange(try TLSScene().shakeHands(), upload: count, download: count / 2)
    }

    @Test(arguments: [1, 5, 17, 1000, 16_384, 20_000])
    func `any amount passes where reads and writes are short`(size: Int) throws {
        let scene = try TLSScene().shakeHands()
        for end in [scene.clientEnd, scene.serverEnd] {
            end.readLimit = size
            end.writeLimit = max(size / 2, 1)
        }
        expectExchange(scene, upload: min(size * 500, 200_000), download: min(size * 300, 100_000))
    }

    @Test func `a pipe that is full most of the time loses nothing`() throws {
        for capacity in [1, 2, 30, 100, 5000, 16_400] {
            let scene = try TLSScene(capacity: capacity).shakeHands()
            expectExchange(scene, upload: capacity * 20, download: capacity * 20, "capacity \(capacity)")
        }
    }

    @Test func `a partial write is told, and the rest may be offered from elsewhere with more behind it`() throws {
        let scene = try TLSScene(capacity: 20_000).shakeHands()
        scene.loop.settle()
        scene.server.isReading = false
        let bytes = noise(60_000, seed: 3)
        scene.client.send(bytes[..<50_000])
        scene.loop.settle()
        #expect(!scene.client.hasWrittenAll)
        scene.client.send(bytes[50_000...])
        scene.server.isReading = true
        _ = scene.loop.run { scene.server.received.count == bytes.count }
        #expect(scene.server.received == bytes)
    }

    @Test func `a frame's header and its payload share a record`() throws {
        let scene = try TLSScene().settle()
        let before = scene.clientEnd.bytesWritten
        scene.client.send(noise(10 + 4000, seed: 4))
        // One record: 5 bytes of header, 16 of tag, one of inner kind.
        #expect(scene.clientEnd.bytesWritten - before == 4010 + 22)
    }

    @Test func `a record leaves with one write below`() throws {
        let scene = try TLSScene().settle()
        let before = scene.clientEnd.writes
        scene.client.send(noise(16_384, seed: 5))
        #expect(scene.clientEnd.writes - before == 1)
    }

    @Test func `a small message comes in with one read below`() throws {
        let scene = try TLSScene().settle()
        let before = scene.serverEnd.reads
        scene.client.send(noise(100, seed: 6))
        scene.loop.tick()
        #expect(scene.server.received.count == 100)
        #expect(scene.serverEnd.reads - before == 1)
    }

    @Test func `a key update in mid-stream is seen by nobody (TLS 1.3)`() throws {
        for isAnswered in [false, true] {
            let scene = try TLSScene().settle()
            scene.client.stream.updateKey(answered: isAnswered)
            expectExchange(scene, upload: 100_000, download: 100_000)
        }
    }

    @Test func `a key update that is to be answered waits for room and loses nothing`() throws {
        let scene = try TLSScene(capacity: 3000).settle()
        scene.server.send(noise(40_000, seed: 8))
        scene.client.isReading = false
        scene.loop.settle()
        scene.client.stream.updateKey(answered: true)
        scene.client.send(noise(40_000, seed: 7))
        scene.loop.settle()
        scene.client.isReading = true
        _ = scene.loop.run { scene.server.received.count == 40_000 && scene.client.received.count == 40_000 }
        #expect(scene.server.received == noise(40_000, seed: 7))
        #expect(scene.client.received == noise(40_000, seed: 8))
    }

    @Test func `TLS inside TLS (T28)`() throws {
        let outer = try TLSScene().settle()
        let inner = (
            TLSParty(
                TLSStream(
                    client: try TLSScene.clientContext(), host: "a.test", over: outer.client.stream,
                    runHereLater: outer.loop.runHereLater)),
            TLSParty(
                TLSStream(
                    server: try TLSScene.serverContext(TestCertificates.shared.otherHost), over: outer.server.stream,
                    runHereLater: outer.loop.runHereLater))
        )
        outer.clientEnd.readLimit = 700
        inner.0.start()
        inner.1.start()
        _ = outer.loop.run { inner.0.handshake != nil && inner.1.handshake != nil }
        #expect(inner.0.details?.peerSubject == "CN=other", "\(inner.0.refusal ?? "")")
        #expect(inner.1.details?.serverName == "a.test")
        let bytes = noise(500_000, seed: 9)
        inner.0.send(bytes)
        inner.1.send(bytes)
        _ = outer.loop.run { inner.0.received.count == bytes.count && inner.1.received.count == bytes.count }
        #expect(inner.0.received == bytes)
        #expect(inner.1.received == bytes)
        inner.0.stream.closeWrite()
        outer.loop.settle()
        #expect(inner.1.hasEndedOrderly)
    }
}
