import Testing
import WSProtocol

@Suite(.timeLimit(.minutes(2))) struct PongTests {
    @Test func `gives ten pings in one segment ten pongs, in order (W5)`() {
        var server = makeServer()
        let pings = (0..<10).map { WireFrame.ping("\($0)") }
        let events = server.receive(pings)
        #expect(events == pings.map { .ping($0.payload) })
        let sent = server.sentFrames()
        #expect(sent == (0..<10).map { .pong("\($0)") })
    }

    @Test func `answers pings as a client, masked`() {
        var client = makeClient()
        let events = client.receive([.ping("hey")])
        #expect(events == [.ping(Array("hey".utf8))])
        let bytes = client.output.drain()
        #expect(bytes == WireFrame.pong("hey").bytes(mask: [0x9C, 0x01, 0xFE, 0x37]))
    }

    @Test func `holds a bounded number of pongs for a peer that never reads, and the newest of them (T25)`() {
        var server = makeServer()
        let ping = WireFrame(opcode: 9, payload: Array(repeating: 0x41, count: 125))
        for _ in 0..<10_000 { _ = server.receive([ping]) }
        _ = server.receive([.ping("newest")])
        let waiting = server.output.count
        #expect((4096...4400).contains(waiting))
        server.preparePendingOutput()
        let still = server.output.count
        #expect(still == waiting)

        _ = server.sentFrames()
        server.preparePendingOutput()
        let sent = server.sentFrames()
        #expect(sent == [.pong("newest")])
        server.preparePendingOutput()
        #expect(server.output.isEmpty == true)
    }

    @Test func `sends the pong that is owed before that for a later ping`() throws {
        var server = makeServer()
        try server.send(binary: Array(repeating: 0, count: 5000))
        _ = server.receive([.ping("held back")])
        _ = server.sentFrames()
        _ = server.receive([.ping("at once")])
        let sent = server.sentFrames()
        #expect(sent == [.pong("held back"), .pong("at once")])
    }

    @Test func `sends the pong that is owed before a close frame`() throws {
        var server = makeServer()
        try server.send(binary: Array(repeating: 0, count: 5000))
        _ = server.receive([.ping("owed")])
        try server.close()
        let sent = server.sentFrames()
        #expect(sent.dropFirst() == [.pong("owed"), .close(1000)])
    }
}
