import Actors
import HansomTesting
import HansomTransport
import SocketTesting
import Testing
import WSClient

/// Several addresses of one name, with real sockets and a manual clock (RFC 8305).
@Suite(.timeLimit(.minutes(1))) struct HappyEyeballsTests {
    /// Options with which a name has these addresses.
    private func options(_ addresses: [SocketAddress], on schedulers: SchedulerGroup) -> ConnectOptions {
        var options = ConnectOptions(scheduler: schedulers.schedulers[0])
        options.resolver = { _, _ in addresses }
        options.proxy = .none
        // Alarms are counted, and those of a connection are not meant.
        options.pingInterval = nil
        return options
    }

    /// A listener that takes no connection any more, and who fills it up.
    private func dead(_ host: String = "127.0.0.1") async throws -> (RawListener, RawSocket) {
        let address = try #require(SocketAddress(numeric: host, port: 0))
        let listener = try RawListener.listen(on: address, backlog: 0)
        return (listener, try await RawSocket.connect(to: listener.address))
    }

    private func shakeHands(_ listener: RawListener) -> Task<Void, Never> {
        Task {
            guard let socket = await listener.accept() else { return }
            let request = (try? await socket.receiveHead()) ?? ""
            try? await socket.send(Handshakes.response(to: request))
            _ = try? await socket.answerClose()
        }
    }

    @Test(arguments: Machine.loopbackHosts)
    func `goes on to the second address when the first is dead, after the delay and not before (C7)`(
        deadHost: String
    ) async throws {
        let time = ManualTime()
        try await withSchedulers(time: time) { schedulers in
            let (silent, occupant) = try await dead(deadHost)
            let good = try RawListener.listen()
            let serving = shakeHands(good)
            let asked = options([silent.address, good.address], on: schedulers)
            let connecting = Task { try await WebSocket.connect(to: "ws://two.example/", options: asked) }

            // The deadline, and the delay.
            #expect(await eventually { await Remains.count(schedulers).alarms == 2 })
            time.advance(by: .milliseconds(249))
            await turns(of: schedulers)
            #expect(await Remains.count(schedulers).watches == 1)
            time.advance(by: .milliseconds(1))
            let ws = try await connecting.value
            #expect(ws.peerAddress == good.address)
            // The other attempt is over, and the alarms with it.
            let remains = await Remains.count(schedulers, port: silent.address.port)
            #expect(remains.alarms == 0)
            #expect(remains.watches == 1)
            try await ws.close()
            await serving.value
            await occupant.close()
            await silent.close()
            await good.close()
        }
    }

    @Test func `goes on at once when the first address refuses (C7)`() async throws {
        try await withSchedulers(time: ManualTime()) { schedulers in
            let gone = try RawListener.listen()
            await gone.close()
            let good = try RawListener.listen()
            let serving = shakeHands(good)
            let asked = options([gone.address, good.address], on: schedulers)
            let ws = try await WebSocket.connect(to: "ws://two.example/", options: asked)
            #expect(ws.peerAddress == good.address)
            try await ws.close()
            await serving.value
            await good.close()
        }
    }

    @Test func `tells of every address when none can be connected to (C3) (C7)`() async throws {
        try await withSchedulers(time: ManualTime()) { schedulers in
            let gone = try RawListener.listen()
            await gone.close()
            let away = try #require(SocketAddress(numeric: "255.255.255.255", port: 9))
            let asked = options([away, gone.address], on: schedulers)
            let error = await failure { _ = try await WebSocket.connect(to: "ws://two.example:82/", options: asked) }
            // Of two, the one that was heard from says more.
            #expect(error?.code == .refused)
            #expect(error?.host == "two.example")
            #expect(error?.port == 82)
            #expect(error?.phase == .connect)
            for part in ["two.example:82", "255.255.255.255:9", "\(gone.address)"] {
                #expect(error?.message.contains(part) == true, "\(String(describing: error))")
            }
            #expect(await eventually { await Remains.count(schedulers) == Remains() })
        }
    }

    @Test func `says that a name has no address (C3)`() async throws {
        try await withSchedulers { schedulers in
            var asked = options([], on: schedulers)
            var error = await failure { _ = try await WebSocket.connect(to: "ws://none.example/", options: asked) }
            #expect(error?.code == .resolution)
            #expect(error?.message.contains("no address") == true)
            asked.resolver = { _, _ in throw HansomTransport.Resolver.Failure(host: "x", reason: "the cat ate it") }
            error = await failure { _ = try await WebSocket.connect(to: "ws://none.example/", options: asked) }
            #expect(error?.code == .resolution)
            #expect(error?.message.contains("the cat ate it") == true)
            #expect(error?.host == "none.example")
        }
    }

    // MARK: What the socket is told

    @Test func `connects from the local address that it is given (C7)`() async throws {
        try await withSchedulers { schedulers in
            let good = try RawListener.listen()
            let serving = shakeHands(good)
            let six = try #require(SocketAddress(numeric: "::1", port: 9))
            var asked = options([six, good.address], on: schedulers)
            asked.socket.localAddress = SocketAddress(numeric: "127.0.0.9", port: 0)
            let ws = try await WebSocket.connect(to: "ws://two.example/", options: asked)
            #expect(ws.localAddress?.host == "127.0.0.9")
            #expect(ws.localAddress?.port != 0)
            try await ws.close()
            await serving.value
            await good.close()
        }
    }

    @Test func `says that it cannot connect from a local address (C3) (C7)`() async throws {
        try await withSchedulers { schedulers in
            var asked = options([], on: schedulers)
            asked.resolver = nil
            asked.socket.localAddress = SocketAddress(numeric: "192.0.2.77", port: 0)
            var error = await failure { _ = try await WebSocket.connect(to: "ws://127.0.0.1:9/", options: asked) }
            #expect(error?.code == .unreachable)
            #expect(error?.message.contains("bind") == true, "\(String(describing: error))")
            error = await failure { _ = try await WebSocket.connect(to: "ws://[::1]:9/", options: asked) }
            #expect(error?.code == .unreachable)
            #expect(error?.message.contains("192.0.2.77") == true, "\(String(describing: error))")
        }
    }
}
