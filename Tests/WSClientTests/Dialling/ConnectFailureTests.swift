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
        let listener = try RawListener.listen()
        await listener.close()
        return listener.address
    }

    private func connect(_ url: String, on schedulers: SchedulerGroup) async throws -> WebSocket {
        var options = ConnectOptions(scheduler: schedulers.schedulers[0])
        options.proxy = .none
        return try await WebSocket.connect(to: url, options: options)
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
        let listener = try RawListener.listen(on: .unix(path: path))
        // What a killed server leaves: the file without the listener.
        try FileManager.default.moveItem(atPath: path, toPath: path + ".kept")
        await listener.close()
        let error = await failure { _ = try await WebSocket.connect(to: "ws+unix://\(path).kept:/") }
        #expect(error?.code == .refused)
        try FileManager.default.removeItem(atPath: path + ".kept")
    }

    @Test func `says that a Unix-domain socket's backlog is full (C3)`() async throws {
        let path = NSTemporaryDirectory() + "hansom-full-\(UUID()).sock"
        let listener = try RawListener.listen(on: .unix(path: path), backlog: 0)
        let occupant = try await RawSocket.connect(to: listener.address)
        let error = await failure { _ = try await WebSocket.connect(to: "ws+unix://\(path):/") }
        #expect(error?.code == .refused)
        #expect(error?.message.contains("backlog is full") == true, "\(String(describing: error))")
        await occupant.close()
        await listener.close()
    }

    @Test(arguments: ["255.255.255.255", "224.0.0.1"])
    func `says that there is no way to an address that none leads to (C3)`(host: String) async throws {
        var options = ConnectOptions()
        options.proxy = .none
        let error = await failure { _ = try await WebSocket.connect(to: "ws://\(host):9/", options: options) }
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
            #expect(
                error?.message.contains("cannot resolve \(host)") == true && error?.port == 81,
                "\(String(describing: error))")
            await expectNothingLeft(schedulers, "ws:81")
        }
    }

    // MARK: Cancelled, and without a deadline

    @Test func `does not connect in a task that is cancelled already (W12)`() async throws {
        try await withSchedulers { schedulers in
            let listener = try RawListener.listen()
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
