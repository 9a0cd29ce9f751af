import Actors
import HansomTesting
import HansomTransport
import Testing

@testable import WSConnection

@Suite(.timeLimit(.minutes(5))) struct LifetimeTests {
    private struct Broken: Error {}

    // MARK: Owners

    @Test func `when the owner ends, however, the peer gets 1001 (W12)`() async throws {
        try await Bench.run(schedulers: 2) { bench in
            for end in ["return", "throw", "shutdown", "kill"] {
                let (ws, peer) = await bench.connect()
                let owner = Process<Int>.spawn(on: bench.group.schedulers[1]) { me in
                    if await me.receive() == 1 { throw Broken() }
                }
                await ws.transfer(to: owner.pid)
                switch end {
                case "return": owner.send(0)
                case "throw": owner.send(1)
                case "shutdown": owner.exit(.shutdown)
                default: owner.exit(.kill)
                }
                try await expectReceived(.close(1001), by: peer)
                try await peer.send(Wire.close(1001))
                await expectEnd(of: peer)
                _ = ws
            }
        }
    }

    @Test func `an owner holds the connection that nobody else holds, until it is transferred (W12)`() async throws {
        try await Bench.run { bench in
            let owner = Process<Int>.spawn(on: bench.group.schedulers[0]) { me in _ = await me.receive() }
            let second = Process<Int>.spawn(on: bench.group.schedulers[0]) { me in _ = await me.receive() }
            let peer = await owned(by: owner.pid, then: second.pid, bench)
            await bench.settle()
            owner.send(0)
            _ = try await owner.down()
            try await peer.send(Wire.ping("alive?"))
            try await expectReceived(.pong("alive?"), by: peer)
            second.send(0)
            try await expectReceived(.close(1001), by: peer)
        }
    }

    private func owned(by first: PID, then second: PID, _ bench: Bench) async -> RawPeer {
        let (ws, peer) = await bench.connect()
        await ws.transfer(to: first)
        await ws.transfer(to: second)
        return peer
    }

    @Test func `a transfer to a process that has ended ends the connection cleanly (W12)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let dead = Process<Int>.spawn(on: bench.group.schedulers[0]) { _ in }
            _ = try await dead.down()
            await ws.transfer(to: dead.pid)
            try await expectReceived(.close(1001), by: peer)
            try await peer.send(Wire.close(1001))
            await bench.until("it is not released") { ws.state == .closed }
        }
    }

    @Test func `a connection that has ended is not kept by whom it is given to (W12, W20)`() async throws {
        try await Bench.run(schedulers: 2) { bench in
            for heirIsNear in [true, false] {
                let heir = Process<Int>.spawn(on: bench.group.schedulers[heirIsNear ? 0 : 1]) { me in
                    _ = await me.receive()
                }
                let ended = await endedAndGiven(to: heir.pid, bench)
                await bench.until("it is kept") { ended.allSatisfy { $0.object == nil } }
                #expect(heir.pid.isAlive)
                heir.send(0)
                _ = try await heir.down()
            }
        }
    }

    private func endedAndGiven(to heir: PID, _ bench: Bench) async -> [WeakReference<WebSocket>] {
        var all: [WeakReference<WebSocket>] = []
        for isLost in [true, false] {
            let (ws, peer) = await bench.connect()
            if isLost { await peer.reset() } else { try? await peer.send(Wire.close(1000)) }
            await bench.until("it has not ended") { ws.state == .closed }
            await ws.transfer(to: heir)
            all.append(WeakReference(ws))
        }
        return all
    }

    // MARK: References

    @Test func `when the last reference goes the peer gets 1001, behind what was sent, and has its time (W12)`()
        async throws
    {
        try await Bench.run { bench in
            let peer = try await dropped(bench, sending: 100_000)
            await bench.settle()
            #expect(await bench.group.processCount() == 0)
            #expect(await bench.alarmCount() == 1)
            #expect(try await peer.frame()?.payload.count == 100_000)
            try await expectReceived(.close(1001), by: peer)
            await bench.pass(.seconds(9))
            #expect(await bench.alarmCount() == 1)
            try await peer.send(Wire.close(1001))
            await peer.finish()
            await bench.settle()
            #expect(await bench.alarmCount() == 0)
        }
    }

    @Test func `a peer that does not end is cut by what lingers, at the deadline (W12)`() async throws {
        try await Bench.run { bench in
            let peer = try await dropped(bench, sending: 1)
            #expect(try await peer.frame()?.payload.count == 1)
            try await expectReceived(.close(1001), by: peer)
            for _ in 0..<10 {
                try await peer.send(Wire.text("still here"))
                await bench.pass(.seconds(1))
            }
            #expect(await bench.alarmCount() == 0)
            await expectEnd(of: peer)
        }
    }

    @Test func `a peer that shuts its side still gets all of what lingers (W12)`() async throws {
        try await Bench.run { bench in
            let peer = try await dropped(bench, sending: 200_000)
            await peer.finish()
            await bench.settle()
            #expect(try await peer.frame()?.payload.count == 200_000)
            try await expectReceived(.close(1001), by: peer)
            await bench.settle()
            #expect(await bench.alarmCount() == 0)
        }
    }

    private func dropped(_ bench: Bench, sending count: Int) async throws -> RawPeer {
        let (ws, peer) = await bench.connect()
        try await ws.send(.binary([UInt8](repeating: 0, count: count)))
        return peer
    }

    @Test func `references may go from any thread while frames arrive (W12)`() async throws {
        try await Bench.run(schedulers: 2) { bench in
            for round in 0..<300 {
                let (ws, peer) = await bench.connect()
                let mailbox = EventMailbox(capacity: 2)
                if round % 3 == 1 { try await ws.subscribe(mailbox, active: .on) }
                let events = round % 3 == 2 ? try await ws.subscribe(active: .on) : nil
                let flood = Task {
                    for _ in 0..<20 { try? await peer.send(together: Wire.text("x"), Wire.ping("y")) }
                    return await peer.remainingFrames().last
                }
                let holder = Task.detached { [ws] in withExtendedLifetime((ws, events, mailbox)) {} }
                await holder.value
                _ = flood
            }
        }
    }

    @Test func `a suspended call holds the connection (W12)`() async throws {
        try await Bench.run { bench in
            let (task, peer) = await receiving(bench)
            await bench.settle()
            try await peer.send(Wire.text("held"))
            #expect(try await task.value == .text("held"))
            try await expectReceived(.close(1001), by: peer)
        }
    }

    private func receiving(_ bench: Bench) async -> (Task<WebSocket.Message, any Error>, RawPeer) {
        let (ws, peer) = await bench.connect()
        return (bench.task { try await ws.recv() }, peer)
    }

    // MARK: Exit signals

    @Test func `an exit signal closes with 1001 and is the reason of the end (W12)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let down = bench.task { try await ws.pid.down() }
            await bench.settle()
            ws.pid.exit(.shutdown("enough"))
            try await expectReceived(.close(1001), by: peer)
            try await peer.send(Wire.close(1001))
            let told = try await down.value
            #expect(told.detail == "enough")
            #expect(!ws.pid.isAlive)
        }
    }

    @Test func `a kill drops the connection at once, and its reason is killed (W12)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let down = bench.task { try await ws.pid.down() }
            await bench.settle()
            ws.pid.exit(.kill)
            let told = try await down.value
            #expect(told.kind == .killed)
            #expect(ws.state == .closed)
            try await expectReceived(.close(1001), by: peer)
            await expectEnd(of: peer)
        }
    }

    @Test func `the process ends with the connection: normal when it was closed, an error when it was lost (W12)`()
        async throws
    {
        try await Bench.run { bench in
            for isLost in [false, true] {
                let (ws, peer) = await bench.connect()
                let down = bench.task { try await ws.pid.down() }
                await bench.settle()
                if isLost { await peer.reset() } else { try await peer.send(Wire.close(1000)) }
                let told = try await down.value
                #expect(told.kind == (isLost ? .error : .normal))
                let ending = try await ws.pid.down()
                #expect(ending.kind == (isLost ? .error : .normal))
            }
        }
    }

    // MARK: Handlers

    @Test func `a handler that returns closes with 1000, one that throws with 1011, a cancelled one with 1001 (W8)`()
        async throws
    {
        try await Bench.run { bench in
            for (end, code) in [("return", 1000), ("throw", 1011), ("cancel", 1001)] as [(String, UInt16)] {
                let (ws, peer) = await bench.connect()
                await ws.start { ws in
                    for try await message in ws {
                        if message == .text("return") { return }
                        if message == .text("throw") { throw Broken() }
                        try await ws.send(message)
                    }
                }
                try await peer.send(Wire.text("echo"))
                try await expectReceived(.text("echo"), by: peer)
                if end == "cancel" { ws.pid.exit(.shutdown) } else { try await peer.send(Wire.text(end)) }
                try await expectReceived(.close(code), by: peer)
                try await peer.send(Wire.close(code))
                await bench.until("it is not released") { ws.state == .closed }
            }
        }
    }

    @Test func `a handler's recv may time out, and a child of it may receive too (W1)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let notes = Notes<String>()
            await ws.start { ws in
                do { _ = try await ws.recv(timeout: .seconds(1)) } catch { await notes.add("\(error)") }
                async let child = ws.recv()
                let own = try await ws.recvFrame()
                await notes.add("\(own) \(try await child)")
            }
            await bench.settle()
            await bench.pass(.seconds(1))
            try await peer.send(together: Wire.text("a"), Wire.text("b"))
            try await expectReceived(.close(1000), by: peer)
            #expect(await notes.all.count == 2)
            #expect(await notes.all.first?.hasPrefix("timeout") == true)
        }
    }

    @Test func `an exit signal cancels the handler, and the process ends after it (W12)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let down = bench.task { try await ws.pid.down() }
            await ws.start { ws in _ = try await ws.recv() }
            await bench.settle()
            ws.pid.exit(.shutdown)
            try await expectReceived(.close(1001), by: peer)
            try await peer.send(Wire.close(1001))
            let told = try await down.value
            #expect(told.kind == .shutdown)
        }
    }

    @Test func `a synchronous handler answers with trySend, and throwing closes with 1011 (W21)`() async throws {
        try await Bench.run { bench in
            let ends = PipeStreamPair(bench)
            let (ws, peer) = await ends.connect { ws, message in
                if message == .text("throw") { throw Broken() }
                #expect(ws.trySend(message) == .sent)
            }
            try await peer.send(
                together: Wire.text("a"), Wire.ping("p"), Wire.binary([2]), Wire.text("throw"), Wire.text("no"))
            try await expectReceived(.text("a"), by: peer)
            try await expectReceived(.pong("p"), by: peer)
            try await expectReceived(.binary([2]), by: peer)
            try await expectReceived(.close(1011), by: peer)
            try await peer.send(Wire.close(1011))
            await expectEnd(of: peer)
            #expect(await ws.trySend(.text("late")) == .closed)
        }
    }

    private struct PipeStreamPair {
        let bench: Bench

        init(_ bench: Bench) { self.bench = bench }

        func connect(_ handler: @escaping WebSocket.MessageHandler) async -> (WebSocket, RawPeer) {
            let (ws, peer) = await bench.connect()
            await ws.setMessageHandler(handler)
            return (ws, peer)
        }
    }

    // MARK: Facts, and nothing left

    @Test func `what is known of a connection can be asked (W18)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            #expect(!ws.isClosed && ws.state == .open)
            #expect(ws.closeCode == nil && ws.closeReason == nil)
            #expect(ws.peerAddress == nil && ws.localAddress == nil && ws.tls == nil)
            #expect(ws.subprotocol == nil && ws.extensions == [] && ws.request == nil)
            #expect(ws.handshakeHeaders.isEmpty)
            try await peer.send(together: Wire.text("four"), Wire.ping("2!"))
            try await expectReceived(.pong("2!"), by: peer)
            try await ws.send(.text("abc"))
            #expect(
                await ws.counters
                    == .init(framesReceived: 2, framesSent: 2, bytesReceived: 6, bytesSent: 5))
            #expect(ws.pid.isAlive)
        }
    }

    @Test func `counters go both ways and count control frames and fragments (W18)`() async throws {
        try await Bench.run { bench in
            let pair = await bench.pair()
            try await pair.client.send([.text("abc"), .binary([1, 2])])
            try await pair.client.send(fragments: ["x", "yz"])
            try await pair.client.ping([7])
            for _ in 0..<3 { _ = try await pair.server.recv() }
            await bench.settle()
            let sent = WebSocket.Counters(framesReceived: 1, framesSent: 5, bytesReceived: 1, bytesSent: 9)
            #expect(await pair.client.counters == sent)
            #expect(
                await pair.server.counters
                    == .init(framesReceived: 5, framesSent: 1, bytesReceived: 9, bytesSent: 1))
            #expect(await pair.client.latency == .zero)
            #expect(await pair.server.latency == nil)
            #expect(await pair.client.bufferedBytes == 0)
            try await pair.client.close()
            await bench.settle()
            #expect(await pair.client.counters.framesSent == 6)
        }
    }

    @Test func `errors, closes and events say what they are in words (W18)`() {
        #expect(WebSocket.Close(code: .normal, reason: "bye").description == "1000 \"bye\"")
        #expect(WebSocket.Close(code: .goingAway).description == "1001")
        #expect(WebSocket.Message.text("é").byteCount == 2)
        #expect(WebSocket.Frame.pong([1]).message == nil)
        #expect(WebSocketError.cancelled.description == "cancelled: the task was cancelled")
        #expect(Set([WebSocketError.Code.timeout, .closed, .timeout]).count == 2)
    }

    @Test func `who waits for a peer's end when its scheduler ends waits no longer (W20, P27)`() async throws {
        let group = try SchedulerGroup(options: .init(count: 1, time: ManualTime()))
        let ended = Probe<Bool>()
        let peer = await group.schedulers[0].ask { scheduler in
            let (near, far) = PipeStream.pair(scheduler, scheduler)
            LingeringClose.start(near, last: [], on: scheduler, for: .seconds(10)) { ended.record(scheduler.isCurrent) }
            return UncheckedPeer(stream: far)
        }
        #expect(ended.values == [], "the peer says nothing")
        await group.shutdown()
        #expect(ended.values == [true])
        withExtendedLifetime(peer) {}
    }

    /// The other end of a pipe, only held.
    private struct UncheckedPeer: @unchecked Sendable { let stream: PipeStream }

    @Test func `after a thousand connections that ended in every way nothing is left (W20)`() async throws {
        try await Bench.run(schedulers: 2) { bench in
            await withTaskGroup { group in
                for lane in 0..<4 {
                    group.addTask { for index in 0..<250 { await endSomehow(lane * 250 + index, bench) } }
                }
            }
        }
    }

    private func endSomehow(_ index: Int, _ bench: Bench) async {
        let (ws, peer) = await bench.connect(isServer: index % 2 == 0)
        let masked = index % 2 == 0
        switch index % 8 {
        case 0: ws.pid.exit(.kill)
        case 1: await peer.reset()
        case 2: try? await peer.send(Wire.close(1000, masked: masked))
        case 3: await peer.close()
        case 4: try? await peer.send(Wire.frame(7, [], masked: masked))
        case 5: ws.pid.exit(.shutdown)
        case 6: Task { _ = try? await ws.recv(timeout: .seconds(5)) }
        default:
            cancelledClose(of: ws)
            _ = try? await ws.ping()
        }
    }

    private func cancelledClose(of ws: WebSocket) {
        Task { try? await ws.close() }.cancel()
    }
}
