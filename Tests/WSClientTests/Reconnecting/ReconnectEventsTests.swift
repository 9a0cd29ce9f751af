import Actors
import HansomTesting
import SocketTesting
import Testing

@testable import WSClient

/// One subscription over many connections (C9).
@Suite(.timeLimit(.minutes(1))) struct ReconnectEventsTests {
    /// A server whose every connection says three things, with its number, and goes away; the `last` one stays.
    private func withTalkativeServer(
        last: Int, _ body: (String, ReconnectScene) async throws -> Void
    ) async throws {
        let count = Probe<Int>()
        try await withScriptedServer { socket in
            try await socket.accept()
            count.record(1)
            let number = count.count
            for word in ["a", "b", "c"] { try await socket.send(Frames.text("\(word)\(number)")) }
            if number == last {
                try await socket.answerClose()
            } else {
                try await socket.send(Frames.close(1012))
                // A server ends TCP when the closing handshake is done (RFC 6455 section 7.1.1).
                _ = try await socket.receiveClose()
            }
        } _: { url in
            try await ReconnectScene.run { scene in try await body(url, scene) }
        }
    }

    private func told(_ number: Int) -> [Told] { [.up, .text("a\(number)"), .text("b\(number)"), .text("c\(number)")] }

    @Test func `a stream tells every up, frame and down in order, over many connections (C9)`() async throws {
        try await withTalkativeServer(last: 4) { url, scene in
            let client = ReconnectingWebSocket.start(to: url, options: scene.options())
            var events = client.events.makeAsyncIterator()
            for number in 1...4 {
                for expected in told(number) { #expect(await events.told() == expected) }
                if number == 4 { break }
                let wait = 1 << (number - 1)
                #expect(await events.told() == .down("closed", wait))
                scene.advance(wait)
            }
            await client.stop()
            #expect(await events.told() == .stopped("shutdown"))
        }
    }

    @Test func `a reader that comes late loses nothing of a connection that is open (C9)`() async throws {
        try await withTalkativeServer(last: 1) { url, scene in
            let client = ReconnectingWebSocket.start(to: url, options: scene.options())
            #expect(await eventually { client.connection != nil })
            await turns(of: scene.schedulers)
            var events = client.events.makeAsyncIterator()
            for expected in told(1) { #expect(await events.told() == expected) }
            await client.stop()
        }
    }

    @Test func `a reader that is cancelled leaves the connection, and another goes on (C9)`() async throws {
        try await withTalkativeServer(last: 1) { url, scene in
            let client = ReconnectingWebSocket.start(to: url, options: scene.options())
            let seen = Probe<Told>()
            let reading = Task {
                for await event in client.events { seen.record(Told(event)) }
            }
            #expect(await eventually { seen.count == 4 })
            reading.cancel()
            await reading.value
            #expect(seen.values == told(1))
            #expect(client.connection?.isClosed == false)
            await client.stop()
            var events = client.events.makeAsyncIterator()
            #expect(await events.told() == .stopped("shutdown"))
        }
    }

    @Test func `connections go on though nobody reads (C9)`() async throws {
        try await withTalkativeServer(last: 2) { url, scene in
            let client = ReconnectingWebSocket.start(to: url, options: scene.options())
            #expect(await eventually { if case .waiting = client.state { true } else { false } })
            scene.advance(1)
            #expect(await eventually { client.connection != nil })
            var events = client.events.makeAsyncIterator()
            // Of the first connection what happened, not what was said.
            #expect(await events.told() == .up)
            #expect(await events.told() == .down("closed", 1))
            for expected in told(2) { #expect(await events.told() == expected) }
            await client.stop()
        }
    }

    @Test func `a reader that leaves does not hold the next connection up (C9)`() async throws {
        try await withTalkativeServer(last: 2) { url, scene in
            let client = ReconnectingWebSocket.start(to: url, options: scene.options())
            for await event in client.events { if Told(event) == .text("a1") { break } }
            #expect(await eventually { if case .waiting = client.state { true } else { false } })
            scene.advance(1)
            #expect(await eventually { client.connection != nil })
            await client.stop()
        }
    }

    @Test func `a process is told by its own kind of message, in order (C9)`() async throws {
        try await withTalkativeServer(last: 3) { url, scene in
            let seen = Probe<Told>()
            let options = scene.options()
            let process = Process<ReconnectingWebSocket.Event>.spawn(on: scene.schedulers.schedulers[0]) { me in
                let client = ReconnectingWebSocket.start(to: url, options: options, telling: me, active: .once) { $0 }
                for await event in me.mailbox {
                    seen.record(Told(event))
                    if case .frame(let ws, _) = event { try await ws.setActive(.once) }
                    if Told(event) == .text("c3") { Task { await client.stop() } }
                    if case .stopped = event { return }
                }
            }
            #expect(await eventually { seen.count == 5 })
            scene.advance(1)
            #expect(await eventually { seen.count == 10 })
            scene.advance(2)
            let reason = try await process.down()
            #expect(reason.kind == .normal)
            let downs: [Told] = [.down("closed", 1), .down("closed", 2)]
            #expect(seen.values == told(1) + [downs[0]] + told(2) + [downs[1]] + told(3) + [.stopped("shutdown")])
        }
    }

    @Test func `the client ends with the process that it tells (C9, W12)`() async throws {
        try await withTalkativeServer(last: 1) { url, scene in
            let handover = Handover<ReconnectingWebSocket>()
            let options = scene.options()
            let process = Process<ReconnectingWebSocket.Event>.spawn(on: scene.schedulers.schedulers[0]) { me in
                handover.give(.start(to: url, options: options, telling: me) { $0 })
                for await event in me.mailbox { if Told(event) == .text("c1") { return } }
            }
            let client = await handover.take()
            let reason = try await process.down()
            #expect(reason.kind == .normal)
            let last = try await client.down()
            #expect(last.kind == .shutdown)
        }
    }

    @Test func `more than 64 events of a client with a body wait for nobody (C9)`() async {
        let feed = ReconnectFeed()
        let error = WebSocketError(.refused, "")
        for number in 0..<100 { feed.tell(.down(error, retryIn: .seconds(number))) }
        feed.end(.normal)
        feed.tell(.down(error, retryIn: .seconds(1000)))
        var delays: [Int] = []
        while case .event(.down(_, let delay)) = await feed.next() { delays.append(Int(delay.components.seconds)) }
        #expect(delays == Array(37..<100))
        #expect(await feed.next() == nil)
    }
}
