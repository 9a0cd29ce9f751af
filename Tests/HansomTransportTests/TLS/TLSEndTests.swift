import Testing

@testable import HansomTransport

/// How a stream ends, and what is left of it.
@Suite(.timeLimit(.minutes(2))) struct TLSEndTests {
    private let hello = Array("hello".utf8)

    @Test func `close_notify is an orderly end, and the other direction goes on`() throws {
        let scene = try TLSScene().settle()
        scene.client.send(hello)
        scene.client.stream.closeWrite()
        scene.loop.settle()
        #expect(scene.server.received == hello)
        #expect(scene.server.hasEndedOrderly)
        scene.server.send(hello)
        scene.server.stream.closeWrite()
        scene.loop.settle()
        #expect(scene.client.received == hello)
        #expect(scene.client.hasEndedOrderly)
    }

    @Test func `an end without close_notify is a truncation`() throws {
        let scene = try TLSScene().settle()
        scene.client.send(hello)
        scene.loop.settle()
        scene.serverEnd.cut()
        scene.loop.settle()
        #expect(scene.server.received == hello)
        #expect(scene.server.isTruncated)
    }

    @Test func `an end inside a record is a truncation (T30)`() throws {
        let scene = try TLSScene().settle()
        scene.clientEnd.writeBudget = 30
        scene.client.send([UInt8](repeating: 1, count: 100))
        scene.loop.settle()
        scene.serverEnd.cut()
        scene.loop.settle()
        #expect(scene.server.received.isEmpty)
        #expect(scene.server.isTruncated)
    }

    @Test func `a reset is told as the system call's error (T30)`() throws {
        let scene = try TLSScene().settle()
        scene.serverEnd.failure = .system(call: "recvmsg", errno: 104)
        scene.loop.settle()
        #expect(scene.server.readRefusal == "\(StreamError.system(call: "recvmsg", errno: 104))")
        scene.server.send(hello)
        #expect(scene.server.writeFailure == .system(call: "recvmsg", errno: 104))
    }

    @Test func `closeWrite waits for room, and a write behind it fails`() throws {
        let scene = try TLSScene().settle()
        scene.clientEnd.isWriteStalled = true
        scene.client.stream.closeWrite()
        scene.client.send(hello)
        #expect(scene.client.writeFailure == .system(call: "write", errno: 32))
        scene.loop.settle()
        #expect(scene.server.end == nil)
        scene.clientEnd.isWriteStalled = false
        scene.loop.settle()
        #expect(scene.server.hasEndedOrderly)
        scene.client.stream.closeWrite()
    }

    @Test func `closeWrite behind a write that was cut off ends without close_notify`() throws {
        let scene = try TLSScene().settle()
        scene.clientEnd.writeBudget = 30
        scene.client.send([UInt8](repeating: 1, count: 100))
        scene.client.stream.closeWrite()
        scene.loop.settle()
        #expect(scene.server.isTruncated)
    }

    @Test func `forged bytes break the stream with a reason on both sides`() throws {
        let scene = try TLSScene().settle()
        scene.serverEnd.inject([23, 3, 3, 0, 32] + [UInt8](repeating: 9, count: 32))
        scene.loop.settle()
        #expect(scene.server.readRefusal?.hasPrefix("TLS: ") == true, "\(scene.server.readRefusal ?? "")")
        #expect(
            scene.client.readRefusal?.contains("alert 'bad record mac' (20)") == true,
            "\(scene.client.readRefusal ?? "")")
        scene.server.send(hello)
        #expect(scene.server.writeFailure != nil)
    }

    @Test func `a failed handshake lets go of the stream below, and the alert goes out`() throws {
        let scene = try TLSScene(host: "a.test").settle()
        #expect(scene.client.refusal != nil)
        #expect(scene.clientEnd.observer == nil)
        #expect(!scene.clientEnd.isClosed)
        #expect(scene.server.refusal?.contains("alert 'bad certificate' (42)") == true, "\(scene.server.refusal ?? "")")
    }

    @Test func `nothing is left of a closed stream`() throws {
        for step in 0..<12 {
            var scene: TLSScene? = try TLSScene()
            let loop = try #require(scene?.loop)
            weak let stream = scene?.client.stream
            weak var observer: TLSParty?
            do {
                let end = PipeLoop().pipe().0
                let party = TLSParty(
                    TLSStream(
                        client: try TLSScene.clientContext(), host: "x", over: end, runHereLater: loop.runHereLater)
                )
                observer = party
                party.start()
            }
            loop.settle()
            #expect(observer == nil)
            scene?.client.start()
            scene?.server.start()
            for _ in 0..<step { loop.tick() }
            scene?.client.stream.close()
            scene?.server.stream.close()
            loop.settle()
            #expect(stream != nil)
            scene = nil
            #expect(stream == nil, "closed after \(step) ticks")
        }
    }
}
