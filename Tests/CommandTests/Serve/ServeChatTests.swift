import Testing
import WSClient

@Suite(.timeLimit(.minutes(2))) struct ServeChatTests {
    /// Joins under a name, and reads who one is.
    private func join(_ url: String, _ name: String, as given: String? = nil) async throws -> WebSocket {
        let ws = try await WebSocket.connect(to: url + "/" + name, options: .init(recvTimeout: .seconds(30)))
        #expect(try await ws.recv() == .text("* you are \(given ?? name)"))
        return ws
    }

    @Test func `sends what one says to all others, under a name each`() async throws {
        try await CommandRun.serving("chat", "--port", "0") { _, url in
            let anna = try await join(url, "anna")
            let bert = try await join(url, "bert")
            let guest = try await join(url, "", as: "guest-1")
            let namesake = try await join(url, "anna", as: "guest-2")
            for name in ["bert", "guest-1", "guest-2"] { #expect(try await anna.recv() == .text("* \(name) joined")) }
            for name in ["guest-1", "guest-2"] { #expect(try await bert.recv() == .text("* \(name) joined")) }
            #expect(try await guest.recv() == .text("* guest-2 joined"))

            try await anna.send(.text("hello"))
            for ws in [bert, guest, namesake] { #expect(try await ws.recv() == .text("anna: hello")) }
            try await bert.send(.text("hi"))
            // The first that anna hears is bert: her own words do not come back.
            for ws in [anna, guest, namesake] { #expect(try await ws.recv() == .text("bert: hi")) }

            try await bert.close()
            for ws in [anna, guest, namesake] { #expect(try await ws.recv() == .text("* bert left")) }
            _ = try await join(url, "bert")
        }
    }

    @Test(arguments: ["a b", "ä", "%61", "a/b", "a.b", "0123456789012345678901234567890123"])
    func `gives no name that could mislead`(name: String) async throws {
        try await CommandRun.serving("chat", "--port", "0") { _, url in
            let path = name.replacing(" ", with: "%20").replacing("ä", with: "%C3%A4")
            _ = try await join(url, path, as: "guest-1")
        }
    }

    @Test func `takes text only`() async throws {
        try await CommandRun.serving("chat", "--port", "0") { _, url in
            let ws = try await join(url, "anna")
            try await ws.send(.binary([1]))
            let error = await #expect(throws: WebSocketError.self) { try await ws.recv() }
            #expect(error?.close?.code == .unsupportedData)
        }
    }

    @Test func `drops who does not read, and nobody else (S10)`() async throws {
        try await CommandRun.serving("chat", "--port", "0") { _, url in
            let slow = try await join(url, "slow")
            let witness = try await join(url, "witness")
            let talker = try await join(url, "talker")
            #expect(try await witness.recv() == .text("* talker joined"))
            let text = String(repeating: "x", count: 1_000_000)
            // More than the buffers of both ends and of the kernel hold.
            for _ in 0..<40 {
                try await talker.send(.text(text))
                while true {
                    let heard = try await witness.recv()
                    if heard == .text("talker: \(text)") { break }
                    #expect(heard == .text("* slow left"))
                }
            }
            let end = await #expect(throws: WebSocketError.self) { while true { _ = try await slow.recv() } }
            #expect(end?.close?.code == .policyViolation || end?.code == .connectionLost)
        }
    }
}
