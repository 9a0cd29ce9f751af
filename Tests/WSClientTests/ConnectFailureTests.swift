import Actors
import Foundation
import HansomTesting
import HansomTransport
import SocketTesting
import Testing
import WSClient

/// Every way that an attempt to connect can fail before there is an answer, and that nothing is left of it.
@Suite(.timeLimit(.minutes(1))) struct ConnectFailureTests {
    /// An address of this machine that nobody listens on.
    private func freeAddress() async throws -> SocketAddress {
        let listener = try await RawListener.listen()
        await listener.close()
        return listener.address
    }

    private func connect(_ url: String, on schedulers: SchedulerGroup) async throws -> WebSocket {
        try await WebSocket.connect(to: url, options: .init(scheduler: schedulers.schedulers[0]))
    }

    private func expectNothingLeft(_ schedulers: SchedulerGroup, _ url: String) async {
        let port = url.split(separator: ":").last.flatMap { Int($0) }
        await turns(of: schedulers)
        #expect(await eventually { await Remains.count(schedulers, port: port) == Remains() })
    }

    @Test func `is refused where nobody listens (C3)`() async throws {
        try await withSchedulers { schedulers in
            let url = "ws://\(try await freeAddress())"
            let error = await failure { _ = try await connect(url, on: schedulers) }
            #expect(error?.code == .refused)
            #expect(error?.phase == .connect)
            #expect(error?.message.contains(url.dropFirst(5)) == true)
            await expectNothingLeft(schedulers, url)
        }
    }

    @Test func `is refused where no Unix-domain socket is (C3)`() async throws {
        let path = NSTemporaryDirectory() + "hansom-none-\(UUID()).sock"
        let error = await failure { _ = try await WebSocket.connect(to: "ws+unix://\(path):/") }
        #expect(error?.code == .refused)
        #expect(error?.message.contains(path) == true)
    }

    @Test func `is refused by a Unix-domain socket whose server is gone (C3)`() async throws {
        let path = NSTemporaryDirectory() + "hansom-stale-\(UUID()).sock"
        let listener = try await RawListener.listen(on: .unix(path: path))
        // What a killed server leaves: the file without the listener.
        try FileManager.default.moveItem(atPath: path, toPath: path + ".kept")
        await listener.close()
        let error = await failure { _ = try await WebSocket.connect(to: "ws+unix://\(path).kept:/") }
        #expect(error?.code == .refused)
        try FileManager.default.removeItem(atPath: path + ".kept")
    }

    @Test(arguments: ["255.255.255.255", "224.0.0.1"])
    func `says that there is no way to an address that none leads to (C3)`(host: String) async throws {
        let error = await failure { _ = try await WebSocket.connect(to: "ws://\(host):9/") }
        #expect(error?.code == .unreachable, "\(String(describing: error))")
        #expect(error?.message.contains("\(host):9") == true)
        #expect(error?.phase == .connect)
    }

    @Test func `names the host that cannot be resolved (C3)`() async throws {
        // A label longer than 63 bytes is no name: no resolver asks anyone for it.
        let host = String(repeating: "a", count: 64) + ".invalid"
        try await withSchedulers { schedulers in
            let error = await failure { _ = try await connect("ws://\(host):81/", on: schedulers) }
            #expect(error?.code == .resolution)
            #expect(error?.phase == .resolution)
            #expect(error?.message.contains("\(host):81") == true, "\(String(describing: error))")
            await expectNothingLeft(schedulers, "ws:81")
        }
    }

    // MARK: Deadlines and cancellation, phase by phase

    /// Where an attempt is made to stop.
    enum Stop: String, CaseIterable, Sendable { case resolution, connect, tls, handshake, halfHead, refusalBody }

    /// What ends it there.
    enum Ending: CaseIterable, Sendable { case deadline, cancellation }

    /// Connects to something that goes no further than `stop`, ends it by `ending`, and returns the error.
    private func stopped(at stop: Stop, by ending: Ending) async throws -> WebSocketError {
        let time = ManualTime()
        return try await withSchedulers(time: time) { schedulers in
            let reached = Handover<Bool>()
            let sawEnd = Handover<RawSocket.End>()
            // A backlog of 0 holds one connection; whoever comes next hears nothing.
            let listener = try await RawListener.listen(backlog: 0)
            let occupant = stop == .connect ? try await RawSocket.connect(to: listener.address) : nil
            let gate = DispatchSemaphore(value: 0)
            var url = listener.url
            switch stop {
            case .resolution:
                url = url.replacingOccurrences(of: "127.0.0.1", with: "localhost")
                for _ in 0..<8 { schedulers.blockingPool.submit { gate.wait() } }
                reached.give()
            case .connect: reached.give()
            case .tls, .handshake, .halfHead, .refusalBody:
                if stop == .tls { url = url.replacingOccurrences(of: "ws:", with: "wss:") }
                Task {
                    guard let socket = await listener.accept() else { return }
                    if stop == .tls { _ = try await socket.receive(5) } else { _ = try await socket.receiveHead() }
                    if stop == .halfHead { try await socket.send("HTTP/1.1 101 Switching Proto") }
                    if stop == .refusalBody { try await socket.send("HTTP/1.1 401 U\r\nContent-Length: 10\r\n\r\nha") }
                    reached.give()
                    sawEnd.give(await socket.end())
                }
            }
            let target = url
            let connecting = Task { try await connect(target, on: schedulers) }
            _ = await reached.take()
            #expect(await eventually { await Remains.count(schedulers).alarms == 1 })
            await turns(of: schedulers)
            switch ending {
            case .deadline: time.advance(by: .seconds(8))
            case .cancellation: connecting.cancel()
            }
            let error = await failure { _ = try await connecting.value }
            for _ in 0..<8 where stop == .resolution { gate.signal() }
            if stop != .resolution && stop != .connect { _ = await sawEnd.take() }
            await occupant?.close()
            await listener.close()
            await expectNothingLeft(schedulers, listener.url)
            return try #require(error)
        }
    }

    @Test(arguments: [Stop.resolution, .connect, .tls, .handshake, .halfHead])
    func `stops at the deadline in each phase, names it and leaves nothing (C2) (C3) (W20) (T28)`(
        stop: Stop
    ) async throws {
        let error = try await stopped(at: stop, by: .deadline)
        #expect(error.code == .timeout)
        #expect(error.phase?.rawValue == (stop == .halfHead ? "handshake" : stop.rawValue))
        #expect(error.message.contains(stop == .resolution ? "localhost:" : "127.0.0.1:"))
        #expect(error.message.contains("8"))
    }

    @Test(arguments: Stop.allCases)
    func `stops when its task is cancelled in each phase, and leaves nothing (W12) (W20)`(stop: Stop) async throws {
        let error = try await stopped(at: stop, by: .cancellation)
        #expect(error.code == .cancelled)
    }

    @Test func `does not connect in a task that is cancelled already (W12)`() async throws {
        try await withSchedulers { schedulers in
            let listener = try await RawListener.listen()
            let gate = Handover<Bool>()
            let outside = Task {
                _ = await gate.take()
                return await failure { _ = try await connect(listener.url, on: schedulers) }
            }
            outside.cancel()
            gate.give()
            #expect(await outside.value?.code == .cancelled)
            // On the scheduler itself, where nothing lies between the cancellation and the attempt.
            let error = Handover<WebSocketError?>()
            Process<Int>.spawn(on: schedulers.schedulers[0]) { me in
                unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
                error.give(await failure { _ = try await WebSocket.connect(to: listener.url) })
            }
            #expect(await error.take()?.code == .cancelled)
            #expect(await listener.drain() == 0)
            await listener.close()
            await expectNothingLeft(schedulers, listener.url)
        }
    }

    @Test func `has no deadline when none is wanted (C2)`() async throws {
        let time = ManualTime()
        try await withSchedulers(time: time) { schedulers in
            let asked = Handover<Bool>()
            let answer = Handover<Bool>()
            try await withScriptedServer { socket in
                let request = try await socket.receiveHead()
                asked.give()
                _ = await answer.take()
                try await socket.send(Handshakes.response(to: request))
                try await socket.answerClose()
            } _: { url in
                let connecting = Task {
                    try await WebSocket.connect(
                        to: url, options: .init(connectTimeout: nil, scheduler: schedulers.schedulers[0]))
                }
                _ = await asked.take()
                #expect(await Remains.count(schedulers).alarms == 0)
                time.advance(by: .seconds(86_400))
                answer.give()
                try await connecting.value.close()
            }
        }
    }
}
