import Actors
import HansomTesting
import HansomTransport
import SocketTesting
import Testing
import WSClient

/// Whose a connection is that a client made, and what the server sees when that ends (W12).
@Suite(.timeLimit(.minutes(1))) struct OwnershipTests {
    struct Oops: Error {}

    /// Runs `body` with the URL of a server that accepts; returns how the first client closed.
    private func close(seenBy body: (String) async throws -> Void) async throws -> RawSocket.Close? {
        let close = Handover<RawSocket.Close?>()
        return try await withScriptedServer { socket in
            try await socket.send(Handshakes.response(to: try await socket.receiveHead()))
            close.give(try await socket.answerClose())
        } _: { url in
            try await body(url)
            return await close.take()
        }
    }

    @Test func `closes with 1001 when the process that connected ends (W12a)`() async throws {
        try await withSchedulers { schedulers in
            let close = try await close { url in
                let process = Process<Int>.spawn(on: schedulers.schedulers[0]) { me in
                    let ws = try await WebSocket.connect(to: url, options: .patient)
                    #expect(ws.state == .open)
                }
                _ = try await process.down()
            }
            #expect(close == .init(1001))
            #expect(await eventually { await Remains.count(schedulers) == Remains() })
        }
    }

    @Test(arguments: [ExitReason.shutdown, .kill])
    func `closes with 1001 when the process that connected is made to end (W12a)`(reason: ExitReason) async throws {
        try await withSchedulers { schedulers in
            let close = try await close { url in
                let connected = Handover<Bool>()
                let process = Process<Int>.spawn(on: schedulers.schedulers[0]) { me in
                    let ws = try await WebSocket.connect(to: url, options: .patient)
                    connected.give()
                    _ = try await ws.recv()
                }
                _ = await connected.take()
                process.exit(reason)
                _ = try await process.down()
            }
            #expect(close == .init(1001))
            #expect(await eventually { await Remains.count(schedulers) == Remains() })
        }
    }

    @Test func `keeps a connection that another task of the process holds only as long as the process (W12a)`()
        async throws
    {
        try await withSchedulers { schedulers in
            let kept = Handover<WebSocket>()
            let close = try await close { url in
                let process = Process<Int>.spawn(on: schedulers.schedulers[0]) { me in
                    kept.give(try await Task { try await WebSocket.connect(to: url, options: .patient) }.value)
                    _ = await me.receive()
                }
                let ws = await kept.take()
                #expect(ws.state == .open)
                process.send(1)
                _ = try await process.down()
            }
            #expect(close == .init(1001))
            let ws = await kept.take()
            #expect(await eventually { ws.state == .closed })
        }
    }

    @Test func `a process does not keep what it has connected and the server has closed at once (W12a, W20)`()
        async throws
    {
        try await withSchedulers(2) { schedulers in
            let listener = try RawListener.listen()
            let serving = Task {
                for _ in 0..<20 {
                    guard let socket = await listener.accept() else { return }
                    let head = try await socket.receiveHead()
                    // The answer and a close in one segment.
                    try await socket.send(Array(Handshakes.response(to: head).utf8) + [0x88, 0x02, 0x03, 0xE8])
                    _ = try? await socket.receive(8)
                    await socket.close()
                }
            }
            let kept = Handover<[WeakReference<WebSocket>]>()
            let process = Process<Int>.spawn(on: schedulers.schedulers[0]) { me in
                var all: [WeakReference<WebSocket>] = []
                for turn in 0..<20 {
                    var options = ConnectOptions.patient
                    options.scheduler = schedulers.schedulers[turn % 2]
                    let ws = try await WebSocket.connect(to: listener.url, options: options)
                    _ = await failure { _ = try await ws.recv() }
                    all.append(WeakReference(ws))
                }
                kept.give(all)
                _ = await me.receive()
            }
            let all = await kept.take()
            #expect(all.count == 20)
            #expect(await eventually { all.allSatisfy { $0.object == nil } })
            #expect(process.pid.isAlive)
            process.send(1)
            _ = try await process.down()
            try await serving.value
            await listener.close()
        }
    }

    @Test func `refuses to connect for a process that has ended (W12a)`() async throws {
        let listener = try RawListener.listen()
        let error = Handover<WebSocketError?>()
        let gate = Handover<Bool>()
        let process = Process<Int>.spawn { me in
            Task {
                _ = await gate.take()
                error.give(await failure { _ = try await WebSocket.connect(to: listener.url) })
            }
        }
        _ = try await process.down()
        gate.give()
        #expect(await error.take()?.code == .ownerEnded)
        #expect(await listener.drain() == 0)
        await listener.close()
    }

    @Test func `ends an attempt when the process that makes it ends (W12a)`() async throws {
        try await withSchedulers { schedulers in
            let asked = Handover<Bool>()
            let end = Handover<RawSocket.End>()
            let error = Handover<WebSocketError?>()
            try await withScriptedServer { socket in
                _ = try await socket.receiveHead()
                asked.give()
                end.give(await socket.end())
            } _: { url in
                let process = Process<Int>.spawn(on: schedulers.schedulers[0]) { me in
                    // The task outlives the body: only the process's end can end its attempt.
                    Task { error.give(await failure { _ = try await WebSocket.connect(to: url, options: .patient) }) }
                    _ = await me.receive()
                }
                _ = await asked.take()
                process.send(1)
                #expect(await error.take()?.code == .ownerEnded)
                #expect(await end.take() == .endOfStream)
            }
            #expect(await eventually { await Remains.count(schedulers) == Remains() })
        }
    }

    @Test func `stays open when the task that connected is cancelled afterwards (W12c)`() async throws {
        let close = try await close { url in
            let task = Task { try await WebSocket.connect(to: url, options: .patient) }
            let ws = try await task.value
            task.cancel()
            #expect(ws.state == .open)
            try await ws.close(code: .normal, reason: "done")
        }
        #expect(close == .init(1000, "done"))
    }

    @Test func `closes with 1001 when the last reference goes (W12c)`() async throws {
        try await withSchedulers { schedulers in
            let close = try await close { url in
                _ = try await WebSocket.connect(to: url, options: .init(scheduler: schedulers.schedulers[0]))
            }
            #expect(close == .init(1001))
            #expect(await eventually { await Remains.count(schedulers) == Remains() })
        }
    }

    // MARK: withConnection

    @Test func `closes with 1000 when the body of withConnection returns, and gives its value (W12b)`() async throws {
        let close = try await close { url in
            let value = try await WebSocket.withConnection(to: url, options: .patient) { ws in
                try await ws.send(.text("hello"))
                return 42
            }
            #expect(value == 42)
        }
        #expect(close == .init(1000))
    }

    @Test func `closes with 1001 when the body of withConnection throws (W12b)`() async throws {
        let close = try await close { url in
            await #expect(throws: Oops.self) {
                try await WebSocket.withConnection(to: url, options: .patient) { _ in throw Oops() }
            }
        }
        #expect(close == .init(1001))
    }

    @Test func `closes with 1001 when the task of withConnection is cancelled (W12b)`() async throws {
        let close = try await close { url in
            let connected = Handover<Bool>()
            let task = Task {
                try await WebSocket.withConnection(to: url, options: .patient) { ws in
                    connected.give()
                    _ = try await ws.recv()
                }
            }
            _ = await connected.take()
            task.cancel()
            let error = await failure { try await task.value }
            #expect(error?.code == .cancelled)
        }
        #expect(close == .init(1001))
    }

    @Test func `closes with 1001 when withConnection was cancelled though its body returned (W12b)`() async throws {
        let close = try await close { url in
            let connected = Handover<Bool>()
            let task = Task {
                try await WebSocket.withConnection(to: url, options: .patient) { ws in
                    connected.give()
                    return (try? await ws.recv()) == nil
                }
            }
            _ = await connected.take()
            task.cancel()
            let wasCancelled = try await task.value
            #expect(wasCancelled)
        }
        #expect(close == .init(1001))
    }

    @Test func `leaves a connection alone that the body of withConnection has closed (W12b)`() async throws {
        let close = try await close { url in
            try await WebSocket.withConnection(to: url, options: .patient) { ws in
                try await ws.close(code: .init(rawValue: 4001), reason: "mine")
            }
        }
        #expect(close == .init(4001, "mine"))
    }

    @MainActor @Test func `runs the body of withConnection where the caller is (W12b)`() async throws {
        var seen: [String] = []
        let local = NotSendable()
        let close = try await close { url in
            try await WebSocket.withConnection(to: url, options: .patient) { ws in
                MainActor.assertIsolated()
                seen.append("\(ws.state)")
                local.count += 1
            }
            MainActor.assertIsolated()
        }
        #expect(seen == ["open"])
        #expect(local.count == 1)
        #expect(close == .init(1000))
    }

    private final class NotSendable { var count = 0 }
}
