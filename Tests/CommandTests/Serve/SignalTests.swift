import Glibc
import Testing
import WSClient

@Suite(.timeLimit(.minutes(2))) struct SignalTests {
    @Test(arguments: [SIGTERM, SIGINT], ["echo", "chat"])
    func `tells every peer 1001 and ends with 0 at a signal (S9)`(signal: Int32, service: String) async throws {
        let server = try CommandRun("serve", service, "--port", "0")
        let url = try await server.address()
        var peers: [WebSocket] = []
        for _ in 0..<5 { peers.append(try await WebSocket.connect(to: url)) }
        server.signal(signal)
        for peer in peers {
            while let _ = try await peer.recvUntilEnd() {}
            #expect(peer.closeCode == .goingAway)
        }
        let end = await server.finished()
        #expect(end.code == 0)
        #expect(end.output == [] && CommandRun.complaints(in: end.errors) == [])
    }

    @Test func `ends with 0 when nobody is there`() async throws {
        try await CommandRun.serving("echo", "--port", "0") { _, _ in }
    }

    @Test func `ends at once at a second signal`() async throws {
        let server = try CommandRun("serve", "echo", "--port", "0")
        let url = try await server.address()
        // A peer that is stopped answers no close, so the server waits for it.
        let stopped = try CommandRun("connect", url)
        try await stopped.write("hello\n")
        #expect(await stopped.nextLine() == "hello")
        stopped.signal(SIGSTOP)
        let witness = try await WebSocket.connect(to: url)
        server.signal(SIGTERM)
        while let _ = try await witness.recvUntilEnd() {}
        server.signal(SIGTERM)
        #expect(await server.finished().code == 128 + SIGTERM)
        stopped.signal(SIGKILL)
        _ = await stopped.finished()
    }
}

extension WebSocket {
    /// The next message; `nil` at an orderly end.
    fileprivate nonisolated func recvUntilEnd() async throws -> Message? {
        var messages = makeAsyncIterator()
        return try await messages.next()
    }
}
