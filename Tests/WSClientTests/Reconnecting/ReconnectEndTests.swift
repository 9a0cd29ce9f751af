import Actors
import HansomTesting
import SocketTesting
import Testing

@testable import WSClient

/// How a client that reconnects is ended, and by whom: nothing may be left of it.
@Suite(.timeLimit(.minutes(1))) struct ReconnectEndTests {
    /// What the client is doing when it is ended.
    enum Moment: CaseIterable, Sendable { case connecting, waiting, connected, inBody }

    static let all = Moment.allCases.flatMap { moment in
        [ExitReason.shutdown, .kill].map { (moment, $0) }
    }

    private func start(_ moment: Moment, _ url: String, _ scene: ReconnectScene) -> ReconnectingWebSocket {
        guard moment == .inBody else { return .start(to: url, options: scene.options()) }
        return .start(to: url, options: scene.options()) { ws in _ = try await ws.recv() }
    }

    @Test(arguments: all)
    func `ends at once, whatever it does, and leaves nothing (C9, W12, W20)`(
        moment: Moment, reason: ExitReason
    ) async throws {
        let heard = Probe<Int>()
        let closes = Probe<RawSocket.Close?>()
        try await withScriptedServer { socket in
            if moment == .waiting { return try await socket.refuse("503 Busy") }
            if moment == .connecting { _ = try await socket.receiveHead() } else { try await socket.accept() }
            heard.record(1)
            closes.record(try await socket.answerClose())
        } _: { url in
            try await ReconnectScene.run { scene in
                let client = start(moment, url, scene)
                var events = client.events.makeAsyncIterator()
                switch moment {
                case .connecting: #expect(await eventually { heard.count == 1 })
                case .waiting: #expect(await events.told() == .down("http", 1))
                case .connected, .inBody: #expect(await events.told() == .up)
                }
                client.pid.exit(reason)
                let end = try await client.down()
                #expect(end.kind == (reason.kind == .kill ? .killed : .shutdown))
                #expect(await events.told() == (reason.kind == .kill ? .stopped("killed") : .stopped("shutdown")))
                #expect(await events.told() == nil)
                guard case .stopped = client.state else { return #expect(Bool(false), "\(client.state)") }
                let port = url.split(separator: ":").last.flatMap { Int($0) }
                if moment != .waiting { #expect(await eventually { closes.count == 1 }) }
                // What is left is the listener.
                #expect(await eventually { await Remains.count(scene.schedulers, port: port) == Remains(sockets: 1) })
            }
        }
        #expect(closes.values == (moment == .waiting ? [] : moment == .connecting ? [nil] : [.init(1001)]))
    }

    @Test func `giving up is an end by an error, and no crash (C9, P21)`() async throws {
        // Labels only: a report holds its process, which holds its scheduler, which holds who takes reports.
        let crashes = Probe<String?>()
        let system = SystemSettings { if case .crash(let report) = $0 { crashes.record(report.process.label) } }
        let schedulers = try SchedulerGroup(options: .init(count: 1, system: system))
        var options = ReconnectOptions(
            connect: ConnectOptions(scheduler: schedulers.schedulers[0]), backoff: .init(limit: 0))
        options.connect.proxy = .none
        for url in ["ws://127.0.0.1:1/", "no url"] {
            let end = try await ReconnectingWebSocket.start(to: url, options: options).down()
            #expect(end.kind == .error && end.error is WebSocketError)
        }
        options.backoff.first = .seconds(-1)
        #expect(try await ReconnectingWebSocket.start(to: "ws://127.0.0.1:1/", options: options).down().kind == .error)
        #expect(crashes.values.isEmpty)
        struct Oops: Error {}
        options.backoff.first = .seconds(1)
        try await withScriptedServer {
            try await $0.accept()
        } _: { url in
            let end = try await ReconnectingWebSocket.start(to: url, options: options) { _ in throw Oops() }.down()
            #expect(end.error is Oops)
        }
        #expect(crashes.values.count { $0 == "reconnecting client" } == 1, "that was a crash")
        await schedulers.shutdown()
    }

    @Test func `is a child that its supervisor starts again, and stops (C9, P20)`() async throws {
        let closes = Probe<RawSocket.Close?>()
        try await withScriptedServer { socket in
            try await socket.accept()
            closes.record(try await socket.answerClose())
        } _: { url in
            try await ReconnectScene.run { scene in
                let started = Probe<ReconnectingWebSocket>()
                let options = scene.options()
                let tree = Supervisor(.oneForOne) {
                    Child("feed") {
                        let client = ReconnectingWebSocket.start(to: url, options: options)
                        started.record(client)
                        return client
                    }
                }
                let running = try await tree.start(on: scene.schedulers.schedulers[0])
                #expect(await eventually { started.values.last?.connection != nil })
                started.values[0].pid.exit(.kill)
                #expect(await eventually { started.count == 2 && started.values[1].connection != nil })
                #expect(try await running.children().map(\.pid) == [started.values[1].pid])
                await running.stop()
                let ending = try await started.values[1].down()
                #expect(ending.kind == .shutdown)
                #expect(await eventually { closes.count == 2 })
            }
        }
        #expect(closes.values == [.init(1001), .init(1001)])
    }

    @Test func `ends with the process that it is linked to (C9)`() async throws {
        let listener = try RawListener.listen()
        try await ReconnectScene.run { scene in
            let handover = Handover<ReconnectingWebSocket>()
            let options = scene.options()
            let parent = Process<Never>.spawn(on: scene.schedulers.schedulers[0]) { me in
                handover.give(.start(to: listener.url, options: options, linkedTo: me.pid))
                _ = await me.receive()
            }
            let client = await handover.take()
            parent.exit(.shutdown)
            let reason = try await client.down()
            #expect(reason.kind == .shutdown)
        }
        await listener.close()
    }

    @Test func `a body that returns before an end that is known is told is followed by that end (C9, W27)`()
        async throws
    {
        let (filled, judged) = (Probe<Int>(), Probe<WebSocketError>())
        try await withScriptedServer { socket in
            guard judged.count == 0 else { return await socket.reset() }
            try await socket.accept()
            while filled.count == 0 { await Task.yield() }
            // The answer waits behind what this peer does not read.
            try await socket.send(Frames.close(4001, "bye"))
            while judged.count == 0 { await Task.yield() }
            await socket.reset()
        } _: { url in
            try await ReconnectScene.run { scene in
                var options = scene.options()
                options.retries = {
                    judged.record($0)
                    return false
                }
                let client = ReconnectingWebSocket.start(to: url, options: options) { ws in
                    _ = ws.trySend(.binary([UInt8](repeating: 0, count: 64 << 20)))
                    filled.record(1)
                    while !ws.isClosed { await Task.yield() }
                }
                let reason = try await client.down()
                #expect(reason.kind == .error)
            }
        }
        #expect(judged.values.first?.close?.code.rawValue == 4001)
        #expect(judged.values.first?.close?.reason == "bye")
    }
}
