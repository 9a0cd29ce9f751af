import Actors
import Dispatch
import Glibc
import HansomTesting
import HansomTransport
import SocketTesting
import Testing
import WSClient

/// Walks every step of connecting, stops there, and ends the attempt in every way: nothing of it may be left.
@Suite(.timeLimit(.minutes(5))) struct StoppedConnectTests {
    /// The error of an attempt that stops at `stop` and is ended by `ending`.
    private func failed(at stop: StopScene.Stop, by ending: StopScene.Ending) async throws -> WebSocketError {
        let time = ManualTime()
        return try await withSchedulers(time: time) { schedulers in
            let scene = try await StopScene(stop)
            let playing = scene.play()
            let occupant = stop.hasPeer ? nil : try await RawSocket.connect(to: scene.listener.address)
            let given = stop == .givenSocket ? try Self.socket(to: scene.listener.address) : -1
            let gate = DispatchSemaphore(value: 0)
            if stop == .resolution { for _ in 0..<16 { schedulers.resolverPool.submit { gate.wait() } } }

            let owner = Process<Int>.spawn(on: schedulers.schedulers[0]) { me in _ = await me.receive() }
            var options = scene.options(ending, on: schedulers.schedulers[0])
            if ending == .ownerEnd { options.owner = owner.pid }
            let (asked, url) = (options, scene.url)
            let connecting = Task {
                if stop == .givenSocket { return try await WebSocket.connect(over: given, to: url, options: asked) }
                return try await WebSocket.connect(to: url, options: asked)
            }
            await scene.awaitStop(on: schedulers, alarms: ending == .phaseDeadline ? 2 : 1)
            if stop == .race {
                time.advance(by: .milliseconds(250))
                await turns(of: schedulers)
            }
            switch ending {
            case .deadline: time.advance(by: .seconds(8))
            case .phaseDeadline: time.advance(by: .seconds(3))
            case .cancellation: connecting.cancel()
            case .ownerEnd: owner.exit(.shutdown)
            }
            let error = await failure { _ = try await connecting.value }

            if stop == .resolution { for _ in 0..<8 { gate.signal() } }
            await scene.awaitEnd()
            if given >= 0 { try Self.expectOpenAndClose(given) }
            owner.exit(.shutdown)
            await occupant?.close()
            await scene.listener.close()
            await playing.value
            await turns(of: schedulers)
            let isGone = await eventually {
                await Remains.count(schedulers, port: scene.listener.address.port) == Remains()
            }
            let remains = await Remains.count(schedulers, port: scene.listener.address.port)
            #expect(
                isGone, "\(stop) \(ending): \(remains) remain, the owner \(owner.pid.isAlive ? "lives" : "is gone")")
            return try #require(error)
        }
    }

    @Test(arguments: StopScene.Stop.allCases)
    func `stops at the deadline in each phase, names it and leaves nothing (C2) (C3) (W20) (T28)`(
        stop: StopScene.Stop
    ) async throws {
        let error = try await failed(at: stop, by: .deadline)
        if stop == .refusalBody { return #expect(error.response?.body == Array("ha".utf8)) }
        #expect(error.code == .timeout)
        #expect(error.phase == stop.phase)
        #expect(error.host != nil)
        #expect(error.port != nil)
        #expect(error.message.contains("8"))
    }

    @Test(arguments: StopScene.Stop.allCases)
    func `stops at the phase's own deadline, names it and leaves nothing (C2) (C3) (W20) (T28)`(
        stop: StopScene.Stop
    ) async throws {
        let error = try await failed(at: stop, by: .phaseDeadline)
        if stop == .refusalBody { return #expect(error.code == .http) }
        #expect(error.code == .timeout)
        #expect(error.phase == stop.phase)
        #expect(error.message.contains("\(stop.phase.rawValue) took longer than 3"), "\(error)")
    }

    @Test(arguments: StopScene.Stop.allCases)
    func `stops when its task is cancelled in each phase, and leaves nothing (W12) (W20)`(
        stop: StopScene.Stop
    ) async throws {
        #expect(try await failed(at: stop, by: .cancellation).code == .cancelled)
    }

    @Test(arguments: StopScene.Stop.allCases)
    func `stops when its owner ends in each phase, and leaves nothing (W12) (W20)`(stop: StopScene.Stop) async throws {
        #expect(try await failed(at: stop, by: .ownerEnd).code == .ownerEnded)
    }

    // MARK: Deadlines within the handshake

    /// The error of an attempt whose request is not answered, after 3 s.
    private func unanswered(_ change: (inout ConnectOptions) -> Void) async throws -> WebSocketError {
        let time = ManualTime()
        return try await withSchedulers(time: time) { schedulers in
            let scene = try await StopScene(.halfHead)
            let playing = scene.play()
            var options = scene.options(.deadline, on: schedulers.schedulers[0])
            change(&options)
            let (asked, url) = (options, scene.url)
            let connecting = Task { try await WebSocket.connect(to: url, options: asked) }
            await scene.awaitStop(on: schedulers, alarms: 2)
            time.advance(by: .seconds(3))
            let error = await failure { _ = try await connecting.value }
            await scene.awaitEnd()
            await scene.listener.close()
            await playing.value
            #expect(await eventually { await Remains.count(schedulers) == Remains() })
            return try #require(error)
        }
    }

    @Test func `bounds the time to the head of the answer (C2)`() async throws {
        let error = try await unanswered { $0.timeouts.responseHead = .seconds(3) }
        #expect(error.code == .timeout)
        #expect(error.phase == .handshake)
        #expect(error.message.contains("did not answer the request within 3"), "\(error)")
    }

    @Test func `bounds the silence within the head of the answer (C2)`() async throws {
        let error = try await unanswered { $0.readIdleTimeout = .seconds(3) }
        #expect(error.code == .timeout)
        #expect(error.phase == .handshake)
        #expect(error.message.contains("sent nothing of its answer for 3"), "\(error)")
    }

    @Test func `bounds how long a server takes nothing of the request (C2)`() async throws {
        let time = ManualTime()
        try await withSchedulers(time: time) { schedulers in
            let listener = try RawListener.listen()
            var options = ConnectOptions(scheduler: schedulers.schedulers[0])
            options.writeIdleTimeout = .seconds(3)
            // More than the kernel takes for a socket that nobody reads.
            options.socket.sendBuffer = 4096
            options.headers[.userAgent] = String(repeating: "x", count: 16 << 20)
            let (asked, url) = (options, listener.url)
            let connecting = Task { try await WebSocket.connect(to: url, options: asked) }
            let socket = await listener.accept()
            #expect(await eventually { await Remains.count(schedulers).alarms == 2 })
            // It has written what there is room for once the deadline is not put off any more.
            #expect(
                await eventually {
                    time.advance(by: .seconds(1))
                    await turns(of: schedulers)
                    return await Remains.count(schedulers).alarms == 0
                })
            let error = await failure { _ = try await connecting.value }
            #expect(error?.code == .timeout)
            #expect(
                error?.message.contains("took nothing of the request for 3") == true, "\(String(describing: error))")
            await socket?.close()
            await listener.close()
        }
    }

    // MARK: A given socket

    private static func socket(to address: SocketAddress) throws -> Int32 {
        let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        _ = try Socket.connect(descriptor, to: address)
        return descriptor
    }

    /// It is still its caller's, and blocking as it was.
    private static func expectOpenAndClose(_ descriptor: Int32) throws {
        #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK == 0)
        #expect(Socket.peerAddress(descriptor) != nil)
        Socket.close(descriptor)
    }
}
