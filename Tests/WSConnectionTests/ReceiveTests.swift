import HansomTesting
import Testing
import WSConnection

@Suite(.timeLimit(.minutes(5))) struct ReceiveTests {
    @Test func `recv returns the messages in the order in which they came (W1)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            try await peer.send(together: Wire.text("one"), Wire.binary([2]), Wire.text("drei – 3"))
            #expect(try await ws.recv() == .text("one"))
            #expect(try await ws.recv() == .binary([2]))
            #expect(try await ws.recv() == .text("drei – 3"))
        }
    }

    @Test func `a timeout loses nothing and leaves the connection as it was (W1)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            try await peer.send(Array(Wire.text("slow").prefix(5)))
            async let late = failure { try await ws.recv(timeout: .seconds(3)) }
            await bench.settle()
            await bench.pass(.seconds(3))
            let error = await late
            #expect(error?.code == .timeout)
            #expect(error?.phase == .receive)
            #expect(ws.state == .open)
            try await peer.send(Array(Wire.text("slow").dropFirst(5)))
            #expect(try await ws.recv(timeout: .seconds(3)) == .text("slow"))
            #expect(await bench.alarmCount() == 0)
        }
    }

    @Test func `a timeout does not come early (W1)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            async let message = ws.recv(timeout: .seconds(3))
            await bench.settle()
            await bench.pass(.milliseconds(2999))
            try await peer.send(Wire.text("just in time"))
            #expect(try await message == .text("just in time"))
        }
    }

    @Test func `recv without an argument waits as the option says, nil waits without end (W1)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(recvTimeout: .seconds(2))
            async let byDefault = failure { try await ws.recv() }
            async let frameByDefault = failure { try await ws.recvFrame() }
            async let endless = ws.recv(timeout: nil)
            await bench.settle()
            await bench.pass(.seconds(2))
            #expect(await byDefault?.code == .timeout)
            #expect(await frameByDefault?.code == .timeout)
            await bench.pass(.seconds(100_000))
            try await peer.send(Wire.text("at last"))
            #expect(try await endless == .text("at last"))
        }
    }

    @Test func `a timeout of nothing asks only for what is there (W1)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            #expect(await failure { try await ws.recv(timeout: .zero) }?.code == .timeout)
            try await peer.send(Wire.text("there"))
            await bench.settle()
            #expect(try await ws.recv(timeout: .zero) == .text("there"))
        }
    }

    @Test func `cancelling a task that waits in recv throws cancelled and loses nothing (W1)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let waiting = bench.task { await failure { try await ws.recv(timeout: .seconds(9)) } }
            await bench.settle()
            waiting.cancel()
            #expect(await waiting.value?.code == .cancelled)
            #expect(await bench.alarmCount() == 0)
            try await peer.send(Wire.text("still here"))
            #expect(try await ws.recv() == .text("still here"))
        }
    }

    @Test func `a task that a handler has started at once waits in recv until it is cancelled (W1)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let log = Probe<String>()
            await ws.start { ws in
                let helper = Task.immediate { await failure { try await ws.recv() }?.code }
                helper.cancel()
                log.record("\(await helper.value == .cancelled)")
                while case .text(let text) = try await ws.recv() { log.record(text) }
            }
            await bench.until("the helper waits on") { log.count == 1 }
            try await peer.send(Wire.text("still here"))
            await bench.until("nothing was received") { log.count == 2 }
            #expect(log.values == ["true", "still here"])
        }
    }

    @Test func `recv in a handler that has cancelled itself throws cancelled (W1)`() async throws {
        try await Bench.run { bench in
            let (ws, _) = await bench.connect()
            let log = Probe<Bool>()
            await ws.start { ws in
                cancelThisTask()
                log.record(await failure { try await ws.recv() }?.code == .cancelled)
                log.record(await failure { try await ws.recvFrame() }?.code == .cancelled)
            }
            await bench.until("it waits") { log.count == 2 }
            #expect(log.values == [true, true])
        }
    }

    @Test func `recv in a cancelled task throws cancelled at once, or returns what is there (W1)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let empty = bench.task {
                cancelThisTask()
                return await failure { try await ws.recv() }
            }
            #expect(await empty.value?.code == .cancelled)
            try await peer.send(Wire.text("was there"))
            await bench.settle()
            let full = bench.task {
                cancelThisTask()
                return try await ws.recv()
            }
            #expect(try await full.value == .text("was there"))
        }
    }

    @Test func `a recv that is satisfied already returns its message though it is cancelled then (W1)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            for round in 0..<50 {
                let waiting = bench.task { try await ws.recv() }
                await bench.settle()
                // Message and cancellation race: either the task has the message, or the next recv has.
                async let sent: Void = peer.send(Wire.text("\(round)"))
                waiting.cancel()
                try await sent
                switch await waiting.result {
                case .success(let message): #expect(message == .text("\(round)"))
                case .failure(let error):
                    #expect((error as? WebSocketError)?.code == .cancelled)
                    #expect(try await ws.recv() == .text("\(round)"))
                }
            }
        }
    }

    @Test(arguments: 0..<5)
    func `several recvs at once are served first come, first served, whichever is cancelled (W1)`(
        cancelled: Int
    ) async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            var waiting: [Task<WebSocket.Message, any Error>] = []
            for _ in 0..<5 {
                waiting.append(bench.task { try await ws.recv() })
                await bench.settle()
            }
            waiting.remove(at: cancelled).cancel()
            await bench.settle()
            try await peer.send(together: Wire.text("a"), Wire.text("b"), Wire.text("c"), Wire.text("d"))
            for (task, text) in zip(waiting, ["a", "b", "c", "d"]) { #expect(try await task.value == .text(text)) }
        }
    }

    @Test func `a handler and another task may wait for messages at once (W1)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let outsider = bench.task { try await ws.recv() }
            await bench.settle()
            await ws.start { ws in for try await message in ws { ws.trySend(message) } }
            await bench.settle()
            try await peer.send(together: Wire.text("a"), Wire.text("b"))
            #expect(try await outsider.value == .text("a"))
            try await expectReceived(.text("b"), by: peer)
        }
    }

    @Test func `send goes on during a pending recv, and close ends it with the real code (W1, W8)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            async let waiting = failure { try await ws.recv() }
            await bench.settle()
            try await ws.send(.text("meanwhile"))
            try await expectReceived(.text("meanwhile"), by: peer)
            async let closed: Void = ws.close(code: .normal, reason: "enough")
            try await expectReceived(.close(1000, "enough"), by: peer)
            try await peer.send(Wire.close(1000))
            try await closed
            let error = await waiting
            #expect(error?.code == .closed)
            #expect(error?.close == .init(code: .normal))
        }
    }

    @Test func `recvFrame returns pings and pongs too, recv passes them over (W1, W5)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            try await peer.send(
                together: Wire.ping("p"), Wire.pong("q"), Wire.text("t"), Wire.ping("r"), Wire.text("u"))
            #expect(try await ws.recvFrame() == .ping(Array("p".utf8)))
            #expect(try await ws.recvFrame() == .pong(Array("q".utf8)))
            #expect(try await ws.recvFrame() == .text("t"))
            #expect(try await ws.recv() == .text("u"))
        }
    }

    @Test func `a waiting recv lets a ping by to a recvFrame behind it (W1)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            async let message = ws.recv()
            await bench.settle()
            async let frame = ws.recvFrame()
            await bench.settle()
            try await peer.send(together: Wire.ping("x"), Wire.binary([7]))
            #expect(try await frame == .ping([0x78]))
            #expect(try await message == .binary([7]))
        }
    }

    @Test(arguments: 1...12)
    func `a message cut anywhere arrives whole (W1)`(cut: Int) async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let bytes = Wire.text("parted")
            try await peer.send(Array(bytes.prefix(cut)))
            await bench.settle()
            try await peer.send(Array(bytes.dropFirst(cut)))
            #expect(try await ws.recv() == .text("parted"))
        }
    }

    @Test func `iteration ends at an orderly close and throws at any other end (W1, W4)`() async throws {
        try await Bench.run { bench in
            for (code, isOrderly) in [(1000, true), (1001, true), (nil, true), (1011, false)] as [(UInt16?, Bool)] {
                let (ws, peer) = await bench.connect()
                try await peer.send(together: Wire.text("1"), Wire.text("2"), Wire.close(code))
                var seen: [WebSocket.Message] = []
                do {
                    for try await message in ws { seen.append(message) }
                    #expect(isOrderly)
                } catch {
                    #expect(!isOrderly)
                    #expect((error as? WebSocketError)?.close?.code.rawValue == code)
                }
                #expect(seen == [.text("1"), .text("2")])
            }
        }
    }

    @Test func `iteration in one task ends in good order when another closes between two messages (W1, W8)`()
        async throws
    {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            async let closed: Void = ws.close()
            await bench.settle()
            // The close is on its way; the answer is not here yet.
            async let next = ws.makeAsyncIterator().nextMessage()
            await bench.settle()
            try await peer.send(Wire.close(1000))
            #expect(try await next == nil)
            try await closed
        }
    }
}

extension WebSocket.Iterator {
    fileprivate consuming func nextMessage() async throws -> WebSocket.Message? {
        var iterator = self
        return try await iterator.next()
    }
}
