import Actors
import HansomTesting
import SocketTesting
import Testing
import WSServer

@testable import WSClient

/// A client that reconnects, against real servers on loopback, on time that the test moves.
@Suite(.timeLimit(.minutes(1))) struct ReconnectTests {
    struct Oops: Error {}

    /// A server that takes connections one after the other, and resets the nth when `end` has been recorded n times.
    private func withResettingServer(_ end: Probe<Int>, _ body: (String) async throws -> Void) async throws {
        let taken = Probe<Int>()
        try await withScriptedServer { socket in
            taken.record(1)
            let number = taken.count
            try await socket.accept()
            _ = await eventually { end.count >= number }
            await socket.reset()
        } _: { url in
            try await body(url)
        }
    }

    // MARK: Attempts

    @Test func `a server that is killed and started again on its port is found again (C9)`() async throws {
        try await ReconnectScene.run { scene in
            let echo: WebSocket.Handler = { ws in for try await message in ws { try await ws.send(message) } }
            let server = try await WebSocketServer.listen(port: 0, handler: echo)
            let port = try #require(server.address.port)
            let client = ReconnectingWebSocket.start(to: "ws://127.0.0.1:\(port)", options: scene.options())
            var events = client.events.makeAsyncIterator()
            #expect(await events.told() == .up)
            try await client.send(.text("one"))
            #expect(await events.told() == .text("one"))

            await server.forceClose()
            await server.wait()
            guard case .down(_, let delay)? = await events.next() else { return #expect(Bool(false)) }
            #expect(delay == .seconds(1))
            let error = await failure { try await client.send(.text("lost")) }
            #expect(error?.code == .notConnected)
            scene.advance(1)
            #expect(await events.told() == .down("refused", 2))

            let again = try await WebSocketServer.listen(port: Int(port), handler: echo)
            scene.advance(2)
            #expect(await events.told() == .up)
            try await client.send(.text("two"))
            #expect(await events.told() == .text("two"))
            #expect(await client.stop().kind == .shutdown)
            #expect(await events.told() == .stopped("shutdown"))
            #expect(await events.told() == nil)
            await again.forceClose()
        }
    }

    @Test(arguments: [("7", 7), ("0", 1), ("9999", 8), ("Sun, 06 Nov 1994 08:49:37 GMT", 1), ("soon", 1)])
    func `503 is tried again, when the server says, within the cap (C9)`(value: String, waited: Int) async throws {
        let count = Probe<Int>()
        try await withScriptedServer { socket in
            count.record(1)
            if count.count == 1 { return try await socket.refuse("503 Busy", ["Retry-After: \(value)"]) }
            try await socket.accept()
            try await socket.answerClose()
        } _: { url in
            try await ReconnectScene.run { scene in
                let client = ReconnectingWebSocket.start(to: url, options: scene.options())
                var events = client.events.makeAsyncIterator()
                #expect(await events.told() == .down("http", waited))
                scene.advance(waited)
                #expect(await events.told() == .up)
                await client.stop()
            }
        }
    }

    @Test(
        arguments: ["401 Unauthorized", "403 Forbidden", "404 Not Found"],
        ["Server: s", "X: \(String(repeating: "y", count: 9000))", "X: y\r\n z", "X : y", "no colon"])
    func `what cannot get better is never tried again, however odd the answer is else (C3, C9)`(
        status: String, odd: String
    ) async throws {
        let count = Probe<Int>()
        try await withScriptedServer { socket in
            count.record(1)
            try await socket.refuse(status, ["Retry-After: 1", odd])
        } _: { url in
            try await ReconnectScene.run { scene in
                let client = ReconnectingWebSocket.start(to: url, options: scene.options())
                var events = client.events.makeAsyncIterator()
                #expect(await events.told() == .stopped("http"))
                let error = try await client.down().error as? WebSocketError
                #expect(error?.response?.status == Int(status.prefix(3)))
            }
        }
        #expect(count.count == 1)
    }

    @Test func `what cannot get better is tried again when told to (C9)`() async throws {
        let count = Probe<Int>()
        try await withScriptedServer { socket in
            count.record(1)
            try await socket.refuse(count.count == 1 ? "401 Unauthorized" : "404 Not Found")
        } _: { url in
            try await ReconnectScene.run { scene in
                var options = scene.options()
                options.retries = { $0.mayPass || $0.response?.status == 401 }
                let client = ReconnectingWebSocket.start(to: url, options: options)
                var events = client.events.makeAsyncIterator()
                #expect(await events.told() == .down("http", 1))
                scene.advance(1)
                #expect(await events.told() == .stopped("http"))
            }
        }
        #expect(count.count == 2)
    }

    @Test(arguments: ["not a url", "ftp://127.0.0.1/", "ws://127.0.0.1/#fragment"])
    func `a URL that cannot be used ends the client (C9)`(url: String) async throws {
        try await ReconnectScene.run { scene in
            let client = ReconnectingWebSocket.start(to: url, options: scene.options())
            let reason = try await client.down()
            #expect(Told.word(reason) == "invalid configuration")
        }
    }

    @Test func `after as many failures as are allowed the client ends with the last (C9)`() async throws {
        let listener = try RawListener.listen()
        let url = listener.url
        await listener.close()
        try await ReconnectScene.run { scene in
            let client = ReconnectingWebSocket.start(to: url, options: scene.options(limit: 2))
            var events = client.events.makeAsyncIterator()
            #expect(await events.told() == .down("refused", 1))
            scene.advance(1)
            #expect(await events.told() == .down("refused", 2))
            scene.advance(2)
            #expect(await events.told() == .stopped("refused"))
        }
    }

    @Test func `each attempt has its deadline, and all have one together (C9)`() async throws {
        let asked = Probe<Int>()
        try await withScriptedServer { socket in
            _ = try await socket.receiveHead()
            asked.record(1)
            _ = await socket.end()
        } _: { url in
            try await ReconnectScene.run { scene in
                var options = scene.options(total: .seconds(10))
                options.connect.connectTimeout = .seconds(5)
                let client = ReconnectingWebSocket.start(to: url, options: options)
                var events = client.events.makeAsyncIterator()
                #expect(await eventually { asked.count == 1 })
                scene.advance(5)
                #expect(await events.told() == .down("timeout", 1))
                scene.advance(1)
                #expect(await eventually { asked.count == 2 })
                // Four of its five seconds are left.
                scene.advance(4)
                #expect(await events.told() == .stopped("timeout"))
            }
        }
    }

    @Test func `a connection that held begins the backoff anew, one that did not goes on with it (C9)`() async throws {
        let end = Probe<Int>()
        try await withResettingServer(end) { url in
            try await ReconnectScene.run { scene in
                let client = ReconnectingWebSocket.start(to: url, options: scene.options())
                var events = client.events.makeAsyncIterator()
                for (held, waited) in [(0, 1), (9, 2), (9, 4), (10, 1), (0, 2)] {
                    #expect(await events.told() == .up)
                    scene.advance(held)
                    end.record(1)
                    #expect(await events.told() == .down("connection lost", waited))
                    scene.advance(waited)
                }
                #expect(await events.told() == .up)
                end.record(1)
                await client.stop()
            }
        }
    }

    // MARK: The body

    @Test func `the body has each connection, and the client ends when it is done (C9)`() async throws {
        let closes = Probe<RawSocket.Close?>()
        try await withScriptedServer { socket in
            try await socket.accept()
            if closes.count == 0 {
                closes.record(nil)
                try await socket.send(Frames.text("first") + Frames.close(1001))
                _ = await socket.end()
            } else {
                try await socket.send(Frames.text("second"))
                closes.record(try await socket.answerClose())
            }
        } _: { url in
            try await ReconnectScene.run { scene in
                let seen = Probe<String>()
                let client = ReconnectingWebSocket.start(to: url, options: scene.options()) { ws in
                    for try await case .text(let text) in ws {
                        seen.record(text)
                        if text == "second" { return }
                    }
                }
                var events = client.events.makeAsyncIterator()
                #expect(await events.told() == .up)
                #expect(await events.told() == .down("closed", 1))
                scene.advance(1)
                #expect(await events.told() == .up)
                #expect(await events.told() == .stopped("normal"))
                #expect(seen.values == ["first", "second"])
            }
        }
        #expect(closes.values == [nil, .init(1000)])
    }

    @Test func `a body that throws an error of the connection gets another, and the old one closes with 1001 (C9)`()
        async throws
    {
        let closes = Probe<RawSocket.Close?>()
        try await withScriptedServer { socket in
            try await socket.accept()
            closes.record(try await socket.answerClose())
        } _: { url in
            try await ReconnectScene.run { scene in
                let count = Probe<Int>()
                let client = ReconnectingWebSocket.start(to: url, options: scene.options()) { ws in
                    count.record(1)
                    if count.count == 1 { _ = try await ws.recv(timeout: .zero) }
                }
                var events = client.events.makeAsyncIterator()
                #expect(await events.told() == .up)
                #expect(await events.told() == .down("timeout", 1))
                #expect(await eventually { closes.count == 1 })
                scene.advance(1)
                #expect(await events.told() == .up)
                #expect(await events.told() == .stopped("normal"))
                #expect(await eventually { closes.count == 2 })
            }
        }
        #expect(closes.values == [.init(1001), .init(1000)])
    }

    @Test func `any other error of the body ends the client, and its connection closes with 1001 (C9, W12)`()
        async throws
    {
        let closes = Probe<RawSocket.Close?>()
        try await withScriptedServer { socket in
            try await socket.accept()
            closes.record(try await socket.answerClose())
        } _: { url in
            try await ReconnectScene.run { scene in
                let client = ReconnectingWebSocket.start(to: url, options: scene.options()) { _ in throw Oops() }
                let reason = try await client.down()
                #expect(reason.error is Oops)
                #expect(await eventually { closes.count == 1 })
            }
        }
        #expect(closes.values == [.init(1001)])
    }

    // MARK: What is left

    @Test func `keepalive timers do not multiply (C9)`() async throws {
        let end = Probe<Int>()
        try await withResettingServer(end) { url in
            try await ReconnectScene.run { scene in
                let client = ReconnectingWebSocket.start(to: url, options: scene.options())
                var events = client.events.makeAsyncIterator()
                for round in 0..<5 {
                    #expect(await events.told() == .up)
                    // The client, its connection, and the one alarm that a connection has.
                    #expect(await Remains.count(scene.schedulers) == Remains(processes: 2, alarms: 1, watches: 1))
                    end.record(round)
                    guard case .down(_, let delay)? = await events.next() else { break }
                    scene.time.advance(by: delay)
                }
                #expect(await events.told() == .up)
                end.record(5)
                await client.stop()
            }
        }
    }
}
