import Actors
import HansomTesting
import Testing
import WSConnection

@Suite(.timeLimit(.minutes(5))) struct ActiveTests {
    // MARK: Modes

    @Test func `once delivers one frame of three in a segment, then the connection is passive (W2)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let (notes, reading) = try await ws.subscribe(active: .once).noted(bench)
            #expect(await ws.activeMode == .once)
            try await peer.send(together: Wire.text("a"), Wire.text("b"), Wire.text("c"))
            await bench.settle()
            #expect(await notes.all == [.text("a")])
            #expect(await ws.activeMode == .off)
            #expect(try await ws.recv() == .text("b"))
            try await ws.setActive(.once)
            await bench.settle()
            #expect(await notes.all == [.text("a"), .text("c")])
            reading.cancel()
        }
    }

    @Test func `once counts a ping, and a frame in parts counts once, when it is whole (W2)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let (notes, reading) = try await ws.events(active: .once).noted(bench)
            try await peer.send(together: Wire.ping("p"), Wire.text("q"))
            await bench.settle()
            #expect(await notes.all == [.ping("p")])
            #expect(try await ws.recv() == .text("q"))
            try await ws.setActive(.once)
            for byte in Wire.text("parts") {
                #expect(await notes.all.count == 1)
                try await peer.send([byte])
                await bench.settle()
            }
            #expect(await notes.all == [.ping("p"), .text("parts")])
            #expect(await ws.activeMode == .off)
            reading.cancel()
        }
    }

    @Test func `count delivers so many frames, fragments joined (W2)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let (notes, reading) = try await ws.subscribe(active: .count(3)).noted(bench)
            try await peer.send(
                together: Wire.text("1"), Wire.text("2a", isFinal: false), Wire.ping("p"),
                Wire.more("2b", isFinal: true),
                Wire.text("4"))
            await bench.settle()
            #expect(await notes.all == [.text("1"), .ping("p"), .text("2a2b")])
            #expect(await ws.activeMode == .off)
            #expect(try await ws.recv() == .text("4"))
            try await ws.setActive(.count(2))
            #expect(await ws.activeMode == .count(2))
            reading.cancel()
        }
    }

    @Test func `turning a mode on and off drains what waits, in order (W2)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            for index in 0..<30 { try await peer.send(Wire.text("\(index)")) }
            await bench.settle()
            #expect(try await ws.recv() == .text("0"))
            let (notes, reading) = try await ws.events(active: .count(4)).noted(bench)
            await bench.settle()
            #expect(await notes.all == (1...4).map { .text("\($0)") })
            #expect(try await ws.recv() == .text("5"))
            try await ws.setActive(.on)
            #expect(await ws.activeMode == .on)
            await bench.settle()
            #expect(await notes.all == ((1...4).map { .text("\($0)") } + (6..<30).map { .text("\($0)") }))
            try await ws.setActive(.off)
            try await peer.send(Wire.text("last"))
            await bench.settle()
            #expect(await notes.all.count == 28)
            #expect(try await ws.recv() == .text("last"))
            reading.cancel()
        }
    }

    @Test func `recv in an active mode throws activeMode, also one that is pending when it is turned on (W2)`()
        async throws
    {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let pending = [
                bench.task { await failure { try await ws.recv() } },
                bench.task { await failure { try await ws.recv() } },
            ]
            await bench.settle()
            let (notes, reading) = try await ws.subscribe(active: .on).noted(bench)
            for task in pending { #expect(await task.value?.code == .activeMode) }
            #expect(await failure { try await ws.recv() }?.code == .activeMode)
            #expect(await failure { try await ws.recv(timeout: .seconds(1)) }?.code == .activeMode)
            #expect(await failure { try await ws.recvFrame() }?.code == .activeMode)
            try await peer.send(Wire.text("to the subscriber"))
            await bench.settle()
            #expect(await notes.all == [.text("to the subscriber")])
            reading.cancel()
        }
    }

    @Test func `a second subscriber is refused, and an active mode without one (W2)`() async throws {
        try await Bench.run { bench in
            let (ws, _) = await bench.connect()
            #expect(await failure { try await ws.setActive(.on) }?.code == .noSubscriber)
            try await ws.setActive(.off)
            let events = try await ws.subscribe(active: .off)
            #expect(await failure { try await ws.subscribe() }?.code == .alreadySubscribed)
            #expect(await failure { try await ws.events(active: .on) }?.code == .alreadySubscribed)
            #expect(await failure { try await ws.subscribe(EventMailbox()) }?.code == .alreadySubscribed)
            withExtendedLifetime(events) {}
        }
    }

    @Test func `without an argument frames wait until a mode is set, as the option says (W2)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let (notes, reading) = try await ws.subscribe().noted(bench)
            try await peer.send(Wire.text("waits"))
            await bench.settle()
            #expect(await notes.all == [])
            #expect(await ws.activeMode == .off)
            try await ws.setActive(.on)
            await bench.settle()
            #expect(await notes.all == [.text("waits")])
            reading.cancel()
        }
    }

    // MARK: Pings of our own

    /// Lets `ws` ping, and answers it.
    private func pingAndAnswer(_ ws: WebSocket, _ peer: RawPeer, _ bench: Bench) async throws {
        let pinging = bench.task { try await ws.ping() }
        let payload = try await expectPing(by: peer)
        try await peer.send(Wire.frame(10, payload))
        _ = try await pinging.value
        await bench.settle()
    }

    @Test func `the pong to a ping belongs to that call, and any other to who is told (W2, W5, W6)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let (notes, reading) = try await ws.events(active: .once).noted(bench)
            try await pingAndAnswer(ws, peer, bench)
            #expect(await notes.all == [])
            #expect(await ws.activeMode == .once)
            try await peer.send(Wire.pong("nobody asked"))
            await bench.settle()
            #expect(await notes.all == [.frame(.pong(Array("nobody asked".utf8)))])
            #expect(await ws.activeMode == .off)
            try await ws.setActive(.once)
            try await ws.sendPing([7])
            #expect(try await expectPing(by: peer) == [7])
            try await peer.send(Wire.frame(10, [7]))
            await bench.settle()
            #expect(await notes.all.last == .frame(.pong([7])))
            reading.cancel()
        }
    }

    @Test func `recvFrame does not see the pong to a ping, be it waiting or called later (W5, W6)`() async throws {
        try await Bench.run { bench in
            for waits in [true, false] {
                let (ws, peer) = await bench.connect()
                var receiving: Task<WebSocket.Frame, any Error>?
                if waits { receiving = bench.task { try await ws.recvFrame() } }
                await bench.settle()
                try await pingAndAnswer(ws, peer, bench)
                try await peer.send(Wire.text("first"))
                await bench.settle()
                let frame = if let receiving { try await receiving.value } else { try await ws.recvFrame() }
                #expect(frame == .text("first"))
            }
        }
    }

    @Test func `the pong to a ping that was cancelled, or answered by a later pong, is nobody's (W5, W6)`() async throws
    {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let cancelled = bench.task { await failure { try await ws.ping() } }
            let early = try await expectPing(by: peer)
            cancelled.cancel()
            #expect(await cancelled.value?.code == .cancelled)
            try await peer.send(Wire.frame(10, early))
            try await peer.send(Wire.text("first"))
            #expect(try await ws.recvFrame() == .text("first"))
            // Many that are never answered cost no more than a few.
            for _ in 0..<100 {
                let pinging = bench.task { await failure { try await ws.ping() } }
                _ = try await expectPing(by: peer)
                pinging.cancel()
                _ = await pinging.value
            }
            #expect(await ws.pendingPings <= 16)
            try await pingAndAnswer(ws, peer, bench)
            #expect(await ws.pendingPings == 0)
        }
    }

    // MARK: The end

    @Test func `the end is told once, after the data, by each kind of end (W2, W11)`() async throws {
        try await Bench.run { bench in
            for (end, told) in [
                ("close", .closed(1000)), ("finish", .failed("connection lost")), ("reset", .failed("connection lost")),
                ("violation", .failed("protocol violation")), ("ours", .closed(4000)),
            ] as [(String, Told)] {
                let (ws, peer) = await bench.connect()
                let (notes, reading) = try await ws.subscribe(active: .on).noted(bench)
                try await peer.send(together: Wire.text("1"), Wire.text("2"))
                switch end {
                case "close": try await peer.send(Wire.close(1000))
                case "finish": await peer.finish()
                case "reset": await peer.reset()
                case "violation": try await peer.send(Wire.frame(5, []))
                default:
                    await bench.settle()
                    try await peer.send(Wire.close(4000))
                    try await ws.close(code: .goingAway)
                }
                await reading.value
                #expect(await notes.all == [.text("1"), .text("2"), told])
                // Who asks for more has missed nothing, and who subscribes later is told too.
                try await ws.setActive(.on)
                let (later, readingLater) = try await ws.events(active: .on).noted(bench)
                await readingLater.value
                #expect(await later.all == [told])
            }
        }
    }

    @Test func `a passive subscriber is told of the end once recv has taken what came before it (W2, W11)`()
        async throws
    {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let (notes, reading) = try await ws.subscribe(active: .off).noted(bench)
            try await peer.send(together: Wire.text("1"), Wire.text("2"), Wire.close(1000))
            await bench.settle()
            #expect(await notes.all == [])
            #expect(try await ws.recv() == .text("1"))
            #expect(try await ws.recvFrame() == .text("2"))
            await bench.settle()
            #expect(await notes.all == [.closed(1000)])
            await reading.value
        }
    }

    @Test func `every event carries its connection (W2)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            var events = try await ws.events(active: .on).makeAsyncIterator()
            try await peer.send(together: Wire.text("1"), Wire.close(1000))
            #expect(await events.next()?.connection.pid == ws.pid)
            #expect(await events.next()?.connection.pid == ws.pid)
            let (other, otherPeer) = await bench.connect()
            var others = try await other.events(active: .on).makeAsyncIterator()
            await otherPeer.close()
            #expect(await others.next(isolation: other)?.connection.pid == other.pid)
        }
    }

    // MARK: Back-pressure

    @Test func `a reader that does not ask makes the peer wait (W2, W15)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(capacity: 4096)
            let stream = try await ws.subscribe(active: .on)
            let count = 400
            let sending = bench.task {
                for index in 0..<count {
                    try await peer.send(Wire.text("\(index)" + String(repeating: ".", count: 1000)))
                }
                return true
            }
            await bench.settle()
            // 16 messages wait in the queue, at most one read is undecoded, and the pipe holds 4 KiB.
            let received = await ws.counters.framesReceived
            #expect(received == 16)
            var texts = 0
            for await event in stream {
                guard case .frame(_, .text(let text)) = event, text.hasPrefix("\(texts).") else {
                    Issue.record("\(event) instead of \(texts)")
                    break
                }
                texts += 1
                if texts == count { break }
            }
            #expect(try await sending.value)
        }
    }

    // MARK: Ending a subscription

    @Test func `cancelling the consumer turns the connection passive, and nothing is lost (W2)`() async throws {
        try await Bench.run { bench in
            for isStream in [true, false] {
                let (ws, peer) = await bench.connect()
                let (notes, reading) =
                    isStream
                    ? try await ws.subscribe(active: .on).noted(bench) : try await ws.events(active: .on).noted(bench)
                try await peer.send(Wire.text("1"))
                await bench.settle()
                reading.cancel()
                await reading.value
                await bench.settle()
                #expect(await ws.activeMode == .off)
                try await peer.send(Wire.text("2"))
                #expect(try await ws.recv() == .text("2"))
                #expect(await notes.all == [.text("1")])
                #expect(ws.state == .open)
                _ = try await ws.subscribe(active: .off)
            }
        }
    }

    @Test func `a cancelled consumer ends its subscription though events wait (W2)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let events = try await ws.events(active: .on)
            try await peer.send(together: Wire.text("1"), Wire.text("2"))
            await bench.settle()
            let reading = bench.task {
                cancelThisTask()
                var iterator = events.makeAsyncIterator()
                return await iterator.next().map(Told.init)
            }
            #expect(await reading.value == nil)
            #expect(await ws.activeMode == .off)
            #expect(try await ws.recv() == .text("1"))
            #expect(try await ws.recv() == .text("2"))
        }
    }

    @Test func `dropping the stream turns the connection passive, and nothing is lost (W2)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            do {
                let stream = try await ws.subscribe(active: .on)
                try await peer.send(together: Wire.text("1"), Wire.text("2"))
                await bench.settle()
                withExtendedLifetime(stream) {}
            }
            await bench.until("it is still active") { await ws.activeMode == .off }
            #expect(try await ws.recv() == .text("1"))
            #expect(try await ws.recv() == .text("2"))
            var events = try await ws.events(active: .on).makeAsyncIterator()
            try await peer.send(Wire.text("3"))
            #expect(await events.next().map(Told.init) == .text("3"))
        }
    }

    // MARK: A mailbox

    @Test func `one mailbox serves many connections, each in order (W2)`() async throws {
        try await Bench.run { bench in
            let mailbox = EventMailbox(capacity: 4)
            var ends: [(WebSocket, RawPeer)] = []
            for _ in 0..<5 {
                let (ws, peer) = await bench.connect()
                try await ws.subscribe(mailbox, active: .on)
                ends.append((ws, peer))
            }
            for index in 0..<20 {
                for (_, peer) in ends { try await peer.send(Wire.text("\(index)")) }
            }
            for (_, peer) in ends { try await peer.send(Wire.close(1000)) }
            var told: [PID: [Told]] = [:]
            for _ in 0..<(5 * 21) {
                guard let event = await mailbox.next() else { break }
                told[event.connection.pid, default: []].append(Told(event))
            }
            for (ws, _) in ends {
                #expect(told[ws.pid] == (0..<20).map { .text("\($0)") } + [.closed(1000)])
            }
        }
    }

    @Test func `a full mailbox slows its connections, and pings at it cost nothing (W2, W5)`() async throws {
        try await Bench.run { bench in
            let mailbox = EventMailbox(capacity: 2)
            let (ws, peer) = await bench.connect()
            try await ws.subscribe(mailbox, active: .on)
            try await peer.send(together: Wire.text("1"), Wire.text("2"), Wire.text("3"))
            for index in 0..<500 { try await peer.send(Wire.ping("\(index)")) }
            await bench.settle()
            #expect(mailbox.waitingConnectionCount == 1)
            var told: [Told] = []
            for _ in 0..<19 { if let event = await mailbox.next() { told.append(Told(event)) } }
            #expect(told == [.text("1"), .text("2"), .text("3")] + (484..<500).map { .ping("\($0)") })
        }
    }

    @Test func `cancelling the task that reads a mailbox ends its wait and no subscription (W2)`() async throws {
        try await Bench.run { bench in
            let mailbox = EventMailbox()
            let (ws, peer) = await bench.connect()
            try await ws.subscribe(mailbox, active: .on)
            let reading = bench.task { await mailbox.next() == nil }
            await bench.settle()
            reading.cancel()
            #expect(await reading.value)
            let cancelled = bench.task {
                cancelThisTask()
                return await mailbox.next() == nil
            }
            #expect(await cancelled.value)
            try await peer.send(Wire.text("later"))
            var events = mailbox.makeAsyncIterator()
            #expect(await events.next().map(Told.init) == .text("later"))
        }
    }

    @Test func `dropping a mailbox turns its connections passive, and nothing is lost (W2)`() async throws {
        try await Bench.run { bench in
            let (quiet, quietPeer) = await bench.connect()
            let (busy, busyPeer) = await bench.connect()
            do {
                let mailbox = EventMailbox(capacity: 2)
                try await quiet.subscribe(mailbox, active: .on)
                try await busy.subscribe(mailbox, active: .on)
                try await busyPeer.send(together: Wire.text("1"), Wire.text("2"), Wire.text("3"), Wire.text("4"))
                await bench.settle()
                withExtendedLifetime(mailbox) {}
            }
            await bench.settle()
            #expect(await quiet.activeMode == .off)
            #expect(await busy.activeMode == .off)
            for text in ["1", "2", "3", "4"] { #expect(try await busy.recv() == .text(text)) }
            try await quietPeer.send(Wire.text("hello"))
            #expect(try await quiet.recv() == .text("hello"))
            _ = try await quiet.subscribe(active: .off)
        }
    }

    @Test func `a mailbox holds the connections that tell it (W2, W12)`() async throws {
        try await Bench.run { bench in
            let mailbox = EventMailbox()
            let peer = try await subscribed(mailbox, bench)
            await bench.settle()
            try await peer.send(Wire.text("held"))
            guard case .frame(let ws, .text("held"))? = await mailbox.next() else {
                Issue.record("not told")
                return
            }
            #expect(ws.state == .open)
        }
    }

    private func subscribed(_ mailbox: EventMailbox, _ bench: Bench) async throws -> RawPeer {
        let (ws, peer) = await bench.connect()
        try await ws.subscribe(mailbox, active: .on)
        return peer
    }

    // MARK: A process

    @Test func `events become messages of a process, in order with its own (W2)`() async throws {
        try await Bench.run(schedulers: 2) { bench in
            let (ws, peer) = await bench.connect()
            let notes = Notes<Told>()
            let process = Process<Input>.spawn(on: bench.group.next()) { me in
                for await input in me.mailbox {
                    guard case .socket(let event) = input else { return }
                    await notes.add(Told(event))
                    if case .frame(let ws, .text("more")) = event { try await ws.setActive(.once) }
                }
            }
            try await ws.subscribe(process, active: .once) { .socket($0) }
            try await peer.send(together: Wire.text("more"), Wire.text("1"), Wire.text("2"))
            await bench.until("not told") { await notes.all == [.text("more"), .text("1")] }
            try await ws.setActive(.on)
            try await peer.send(Wire.close(1000))
            await bench.until("not told") { await notes.all == [.text("more"), .text("1"), .text("2"), .closed(1000)] }
            process.send(.own(0))
            let ending = try await process.down()
            #expect(ending.kind == .normal)
        }
    }

    @Test func `a subscribed process that ends leaves the connection passive and open (W2)`() async throws {
        try await Bench.run(schedulers: 2) { bench in
            let (ws, peer) = await bench.connect()
            for _ in 0..<3 {
                let process = Process<Input>.spawn(on: bench.group.next()) { me in _ = await me.receive() }
                try await ws.subscribe(process, active: .on) { .socket($0) }
                process.send(.own(0))
                _ = try await process.down()
                await bench.until("it is still active") { await ws.activeMode == .off }
            }
            try await peer.send(Wire.text("for whoever asks"))
            #expect(try await ws.recv() == .text("for whoever asks"))
        }
    }

    @Test func `a process that has ended cannot be told (W2)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let process = Process<Input>.spawn(on: bench.group.next()) { _ in }
            _ = try await process.down()
            try await ws.subscribe(process, active: .on) { .socket($0) }
            await bench.until("it is still active") { await ws.activeMode == .off }
            try await peer.send(Wire.text("unread"))
            #expect(try await ws.recv() == .text("unread"))
        }
    }
}
