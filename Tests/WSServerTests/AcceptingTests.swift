import Actors
import Glibc
import HansomTesting
import HansomTransport
import SocketTesting
import Synchronization
import Testing
import WSClient
import WSServer

/// Whom a server lets in, and when (S2, S3).
@Suite(.serialized, .timeLimit(.minutes(1))) struct AcceptingTests {
    private func asking(_ harness: ServerHarness) async throws -> RawSocket {
        let socket = try await harness.raw()
        try await socket.send(Handshakes.request())
        return socket
    }

    @Test func `a suspended server lets nobody in, keeps who is there, and goes on with those who waited (S3)`()
        async throws
    {
        try await ServerHarness.with(count: 2) { harness in
            let first = try await harness.rawUpgraded()
            await harness.server.suspend()
            let waiting = try await asking(harness)
            await turns(of: harness.schedulers)
            #expect(harness.server.handshakeCount == 0 && harness.server.connectionCount == 1)
            try await first.send(Frames.maskedText("still served"))
            #expect(try await first.receiveFrame()?.payload == Array("still served".utf8))
            harness.server.resume()
            #expect(try await waiting.receiveHead().hasPrefix("HTTP/1.1 101 "))
            // Its 101 may arrive before it is counted.
            #expect(await eventually { harness.server.connectionCount == 2 })
        }
    }

    @Test func `raising the limit takes in who waits, lowering it keeps who is there (S3)`() async throws {
        var options = ServerOptions()
        options.maxConnections = 1
        try await ServerHarness.with(options, count: 2) { harness in
            let first = try await harness.rawUpgraded()
            let second = try await asking(harness)
            let third = try await asking(harness)
            await turns(of: harness.schedulers)
            #expect(harness.server.connectionCount + harness.server.handshakeCount == 1)
            harness.server.setMaxConnections(3)
            #expect(try await second.receiveHead().hasPrefix("HTTP/1.1 101 "))
            #expect(try await third.receiveHead().hasPrefix("HTTP/1.1 101 "))
            harness.server.setMaxConnections(1)
            let fourth = try await asking(harness)
            await turns(of: harness.schedulers)
            for socket in [first, second, third] {
                try await socket.send(Frames.maskedText("kept"))
                #expect(try await socket.receiveFrame()?.payload == Array("kept".utf8))
            }
            await first.close()
            await second.close()
            #expect(await eventually { harness.server.connectionCount == 1 })
            #expect(harness.server.handshakeCount == 0)
            await third.close()
            #expect(try await fourth.receiveHead().hasPrefix("HTTP/1.1 101 "))
        }
    }

    @Test func `a peer has no more connections than it may (S3)`() async throws {
        var options = ServerOptions()
        options.maxConnectionsPerPeer = 2
        try await ServerHarness.with(options, count: 2) { harness in
            let first = try await harness.rawUpgraded()
            // A handshake counts too.
            let second = try await harness.raw()
            try await second.send("GET / HTTP")
            #expect(await eventually { harness.server.handshakeCount == 1 })
            let third = try await harness.raw()
            // Depending on what has arrived when it is closed.
            _ = await third.end()
            #expect(await eventually { harness.server.connectionCount == 1 && harness.server.handshakeCount == 1 })
            await first.close()
            #expect(await eventually { harness.server.connectionCount == 0 })
            let fourth = try await harness.rawUpgraded()
            try await fourth.send(Frames.maskedText("in"))
            #expect(try await fourth.receiveFrame()?.payload == Array("in".utf8))
        }
    }

    @Test func `connections are spread evenly, also when those of one scheduler have left (S2)`() async throws {
        let places = Probe<Int>()
        try await ServerHarness.with(
            count: 2,
            handler: { ws in
                places.record(Scheduler.current?.index ?? -1)
                for try await _ in ws {}
            }
        ) { harness in
            var sockets: [RawSocket] = []
            for count in 1...8 {
                sockets.append(try await harness.rawUpgraded())
                #expect(await eventually { places.count == count })
            }
            #expect(places.values.count { $0 == 0 } == 4)
            for (socket, place) in zip(sockets, places.values) where place == 0 { await socket.close() }
            #expect(await eventually { harness.server.connectionCount == 4 })
            for count in 9...12 {
                sockets.append(try await harness.rawUpgraded())
                #expect(await eventually { places.count == count })
            }
            #expect(places.values[8...].allSatisfy { $0 == 0 })
        }
    }

    @Test func `acceptors may be killed under load, and nobody is refused (S2)`() async throws {
        try await ServerHarness.with(count: 2, time: SystemTime.shared) { harness in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        for _ in 0..<40 {
                            let socket = try await harness.rawUpgraded()
                            try await socket.send(Frames.maskedText("hello"))
                            #expect(try await socket.receiveFrame()?.payload == Array("hello".utf8))
                            await socket.close()
                        }
                    }
                }
                // Fewer than would make the supervisor give up.
                for round in 0..<8 {
                    let id = "acceptor \(round % 2)"
                    let old = try #require(await harness.server.children().first { $0.id == id }?.pid)
                    old.exit(.kill)
                    let ending = try await old.down()
                    #expect(ending.kind == .killed)
                    #expect(await eventually { await harness.server.children().first { $0.id == id }?.pid != old })
                }
                try await group.waitForAll()
            }
            #expect(await harness.isIdleAgain())
        }
    }

    @Test func `an error that no waiting mends ends the acceptor with it, then the server (S2) (S3)`() async throws {
        let reports = Probe<SystemEvent>()
        try await withSchedulers(2, time: ManualTime(), report: { reports.record($0) }) { group in
            var options = ServerOptions()
            options.schedulers = group
            options.accept = { (_) throws(SystemError) in throw SystemError(call: "accept4", errno: EBADF) }
            let server = try await WebSocketServer.listen(port: 0, options: options, handler: ServerHarness.echo)
            // Whether it gets as far as a connection depends on how soon the server ends.
            let socket = try? await RawSocket.connect(to: server.address)
            await server.wait()
            _ = await socket?.end()
            #expect(reports.values.compactMap(\.exhaustion).isEmpty)
            let crashes = reports.values.compactMap { if case .crash(let crash) = $0 { crash } else { nil } }
            #expect(!crashes.isEmpty && crashes.allSatisfy { ($0.reason.error as? SystemError)?.errno == EBADF })
            let end = reports.values.compactMap { if case .giveUp(let giveUp) = $0 { giveUp } else { nil } }.first
            #expect((end?.reason.error as? SystemError)?.errno == EBADF)
        }
    }

    @Test(arguments: [ECONNABORTED, EPROTO, ENETDOWN, EPERM, ETIMEDOUT])
    func `an error of one connection is passed over at once (S3)`(code: Int32) async throws {
        let failures = Atomic<Int>(3)
        var options = ServerOptions()
        options.accept = { (listener) throws(SystemError) in
            if failures.wrappingSubtract(1, ordering: .relaxed).oldValue > 0 {
                throw SystemError(call: "accept4", errno: code)
            }
            return try Socket.accept(listener)
        }
        try await ServerHarness.with(options) { harness in _ = try await harness.rawUpgraded() }
    }

    @Test
    func `says that descriptors are used up once, does not spin, and serves when there are some again (S3) (T34)`()
        async throws
    {
        let time = ManualTime()
        let reports = Probe<SystemEvent>()
        let accept = FailingAccept()
        let group = try SchedulerGroup(
            options: .init(count: 1, time: time, name: "test", system: .init { reports.record($0) }))
        var options = ServerOptions()
        options.schedulers = group
        options.accept = { (listener) throws(SystemError) in try accept.call(listener) }
        let server = try await WebSocketServer.listen(port: 0, options: options, handler: ServerHarness.echo)
        let socket = try await RawSocket.connect(to: server.address)
        try await socket.send(Handshakes.request())
        #expect(await eventually { accept.attempts == 1 })
        for round in 2...5 {
            await turns(of: group)
            // Nothing happens until the pause is over.
            #expect(accept.attempts == round - 1)
            time.advance(by: .milliseconds(50))
            #expect(await eventually { accept.attempts == round })
        }
        #expect(reports.values.compactMap(\.exhaustion).map { $0.error?.errno } == [EMFILE])
        accept.works()
        time.advance(by: .milliseconds(50))
        #expect(try await socket.receiveHead().hasPrefix("HTTP/1.1 101 "))
        #expect(await eventually { reports.values.compactMap(\.exhaustion).count == 2 })
        #expect(reports.values.compactMap(\.exhaustion).last?.error == nil)
        await server.forceClose()
        await group.shutdown(grace: .seconds(1))
    }
}

/// An `accept` for which there are no descriptors until it is told.
private final class FailingAccept: Sendable {
    private let count = Atomic<Int>(0)
    private let isWorking = Atomic<Bool>(false)

    var attempts: Int { count.load(ordering: .sequentiallyConsistent) }

    func works() { isWorking.store(true, ordering: .sequentiallyConsistent) }

    func call(_ listener: Int32) throws(SystemError) -> (descriptor: Int32, peer: SocketAddress?)? {
        count.wrappingAdd(1, ordering: .sequentiallyConsistent)
        guard isWorking.load(ordering: .sequentiallyConsistent) else {
            throw SystemError(call: "accept4", errno: EMFILE)
        }
        return try Socket.accept(listener)
    }
}

extension SystemEvent {
    fileprivate var exhaustion: ExhaustionReport? { if case .exhaustion(let report) = self { report } else { nil } }
}
