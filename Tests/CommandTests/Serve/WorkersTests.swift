import Glibc
import Testing
import WSClient

/// Several processes on one port. Each test ends only when all of them have ended: the pipe of their standard output
/// has no end before.
@Suite(.timeLimit(.minutes(2))) struct WorkersTests {
    private func connect(_ count: Int, to url: String) async throws -> [WebSocket] {
        var peers: [WebSocket] = []
        for _ in 0..<count { peers.append(try await WebSocket.connect(to: url)) }
        return peers
    }

    private func echo(_ text: String, _ ws: WebSocket) async throws {
        try await ws.send(.text(text))
        #expect(try await ws.recv(timeout: .seconds(30)) == .text(text))
    }

    /// Reads to the end, and returns how that came.
    private func end(of ws: WebSocket) async -> WebSocket.CloseCode? {
        do { while true { _ = try await ws.recv(timeout: .seconds(30)) } } catch {}
        return ws.closeCode
    }

    @Test(arguments: [[], ["--sync"], ["--schedulers", "1"]])
    func `serves with several processes on a port that the system chose`(options: [String]) async throws {
        let server = try await WorkersRun(3, options)
        #expect(Set(server.workers).count == 3)
        #expect(!server.url.hasSuffix(":0"))
        for ws in try await connect(12, to: server.url) { try await echo("hello", ws) }
        await server.end()
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func `ends all workers together, and tells every peer 1001 (S9)`(signal: Int32) async throws {
        let server = try await WorkersRun(2)
        let peers = try await connect(20, to: server.url)
        server.run.signal(signal)
        for peer in peers { #expect(await end(of: peer) == .goingAway) }
        let end = await server.run.finished()
        #expect(end.code == 0)
        #expect(end.output == [] && CommandRun.complaints(in: end.errors) == [])
    }

    @Test func `tells every peer 1001 when a service manager sends its signal to all processes`() async throws {
        let server = try await WorkersRun(2)
        let peers = try await connect(20, to: server.url)
        for worker in server.workers { kill(worker, SIGTERM) }
        server.run.signal(SIGTERM)
        for peer in peers { #expect(await end(of: peer) == .goingAway) }
        #expect(await server.run.finished().code == 0)
    }

    @Test func `starts a worker again that was killed, and leaves the others alone`() async throws {
        let server = try await WorkersRun(2)
        // How the kernel spreads them is its own affair, but all on one side is out of the question.
        let peers = try await connect(64, to: server.url)
        await withTaskGroup(of: Bool.self) { group in
            for (number, peer) in peers.enumerated() {
                group.addTask {
                    do {
                        for turn in 0..<50 {
                            if number == 0 && turn == 5 { kill(server.workers[0], SIGKILL) }
                            try await echo("\(turn)", peer)
                        }
                        return true
                    } catch {
                        return false
                    }
                }
            }
            let unhurt = await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            #expect((1..<64).contains(unhurt))
        }
        #expect(await server.run.nextErrorLine() == "hansom: worker 1 ended by signal 9; it is started again")
        let worker = try await server.restarted(1)
        #expect(!server.workers.contains(worker))
        for ws in try await connect(20, to: server.url) { try await echo("hello", ws) }
        await server.end()
    }

    @Test func `replaces a worker that was asked to end, which tells its peers 1001`() async throws {
        let server = try await WorkersRun(1)
        let peer = try await WebSocket.connect(to: server.url)
        kill(server.workers[0], SIGTERM)
        #expect(await end(of: peer) == .goingAway)
        #expect(await server.run.nextErrorLine() == "hansom: worker 1 ended with exit code 0; it is started again")
        try await server.restarted(1)
        try await echo("hello", try await WebSocket.connect(to: server.url))
        await server.end()
    }

    @Test func `gives up when workers end too often`() async throws {
        let server = try await WorkersRun(1)
        var worker = server.workers[0]
        for _ in 0..<5 {
            kill(worker, SIGKILL)
            worker = try await server.restarted(1)
        }
        kill(worker, SIGKILL)
        let end = await server.run.finished()
        #expect(end.code == 1)
        #expect(end.errors.count == 6)
        #expect(end.errors.last == "hansom: worker 1 ended by signal 9; more than 5 ends within a minute, giving up")
    }

    @Test func `leaves no worker behind when it is killed itself`() async throws {
        let server = try await WorkersRun(2)
        let peers = try await connect(20, to: server.url)
        server.run.signal(SIGKILL)
        for peer in peers { #expect(await end(of: peer) == .goingAway) }
        #expect(await server.run.finished().code == 128 + SIGKILL)
    }

    @Test func `ends every worker at once at a second signal`() async throws {
        let server = try await WorkersRun(2)
        // Peers that are stopped answer no close, so the workers wait for them.
        var stopped: [CommandRun] = []
        for _ in 0..<8 {
            let peer = try CommandRun("connect", server.url)
            try await peer.write("hello\n")
            #expect(await peer.nextLine() == "hello")
            peer.signal(SIGSTOP)
            stopped.append(peer)
        }
        let witness = try await WebSocket.connect(to: server.url)
        server.run.signal(SIGTERM)
        #expect(await end(of: witness) == .goingAway)
        server.run.signal(SIGTERM)
        #expect(await server.run.finished().code == 128 + SIGTERM)
        for peer in stopped {
            peer.signal(SIGKILL)
            _ = await peer.finished()
        }
    }

    @Test func `lets a client take up at one worker the TLS session that it had with another (S8)`() async throws {
        let files = try Certificates()
        let server = try await WorkersRun(2, "--tls-cert", files.certificate, "--tls-key", files.key)
        #expect(server.url.hasPrefix("wss://"))
        var options = ConnectOptions()
        options.tls.trustRoots = .file(files.certificate)
        for turn in 0..<12 {
            try await WebSocket.withConnection(to: server.url, options: options) { ws in
                // The tickets come with the first message.
                try await echo("hello", ws)
                #expect(ws.tls?.isResumed == (turn > 0))
            }
        }
        await server.end()
    }

    @Test func `shares its port with no other server`() async throws {
        let server = try await WorkersRun(1)
        let port = server.url.split(separator: ":").last.map { String($0) } ?? ""
        let second = await (try CommandRun("serve", "echo", "--workers", "2", "--port", port)).finished()
        #expect(second.code == 1)
        #expect(second.output == [])
        #expect(second.errors.count == 1 && second.errors.first?.contains("in use") == true)
        await server.end()
    }

    @Test func `says once why no worker can start`() async throws {
        let files = try Certificates()
        let run = try CommandRun(
            "serve", "echo", "--port", "0", "--workers", "2", "--tls-cert", files.certificate, "--tls-key",
            files.otherKey)
        let end = await run.finished()
        #expect(end.code == 1)
        #expect(end.output == [])
        #expect(end.errors.count == 1, "\(end.errors)")
    }
}
