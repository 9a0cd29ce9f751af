import Foundation
import Glibc
import Testing
import WSServer

/// How long `hansom connect` takes, whatever its peer does.
@Suite(.timeLimit(.minutes(2))) struct MaxTimeTests {
    /// Longer than a run may take here: one that waited for it would be killed, with another exit code.
    private static let tooLong = ["--close-timeout", "1000"]
    private static let close: [UInt8] = [0x88, 2, 0x03, 0xE8]

    enum Peer: CaseIterable {
        /// Says nothing after its handshake, and reads everything.
        case silent
        /// Sends without end.
        case flooding
        /// Reads nothing.
        case deaf
        /// Sends without end and reads nothing.
        case both

        func act(on connection: Int32) {
            switch self {
            case .silent: RawServer.readToEnd(connection)
            case .flooding:
                Thread.detachNewThread { RawServer.readToEnd(connection) }
                flood(connection)
            case .both: flood(connection)
            case .deaf:
                var wanted = pollfd(fd: connection, events: 0x2000, revents: 0)  // POLLRDHUP
                unsafe poll(&wanted, 1, 60_000)
            }
        }

        private func flood(_ connection: Int32) {
            let frames = (0..<1000).flatMap { _ in [0x81, 1, 0x61] as [UInt8] }
            while RawServer.write(frames, to: connection) {}
        }
    }

    @Test(arguments: Peer.allCases)
    func `ends with 124 when its time is over, whatever the peer does`(peer: Peer) async throws {
        let server = RawServer()
        server.serveNext { peer.act(on: $0) }
        // More than the buffers of both ends hold, for one that does not read.
        let big = String(repeating: "x", count: 1000)
        let input = String(repeating: big + "\n", count: 20_000)
        let run = await
            (try CommandRun(
                arguments: ["connect", server.url, "--max-time", "1"] + MaxTimeTests.tooLong, input: Data(input.utf8)))
            .finished()
        #expect(run.code == 124)
        #expect(run.errors == ["hansom: not over within 1.0 seconds"])
    }

    @Test func `ends with 124 when its close is not answered in that time`() async throws {
        let server = RawServer()
        server.serveNext { RawServer.readToEnd($0) }
        let run = await
            (try CommandRun(
                arguments: ["connect", server.url, "-x", "hi", "--max-time", "2"] + MaxTimeTests.tooLong, input: nil))
            .finished()
        #expect(run.code == 124)
        #expect(run.errors == ["hansom: not over within 2.0 seconds"])
    }

    @Test func `ends with 124 when nobody takes its output`() async throws {
        let server = RawServer()
        server.serveNext { Peer.flooding.act(on: $0) }
        // Nobody reads its standard output.
        let run = try Spawned(
            CommandRun.executable.path, ["connect", server.url, "--max-time", "1"] + MaxTimeTests.tooLong)
        let deadline = Task {
            try await Task.sleep(for: .seconds(60))
            kill(run.pid, SIGKILL)
        }
        let (codes, code) = AsyncStream<Int32>.makeStream()
        Thread.detachNewThread {
            code.yield(run.waitForEnd())
            code.finish()
        }
        #expect(await codes.first { _ in true } == 124)
        deadline.cancel()
    }

    @Test(arguments: [(true, []), (false, []), (false, ["--reconnect"])])
    func `does not wait for the end of TCP once the close is answered (W8)`(byServer: Bool, more: [String]) async throws
    {
        let server = RawServer()
        let (answers, answer) = AsyncStream<[UInt8]>.makeStream()
        server.serveNext { connection in
            if byServer { RawServer.write(MaxTimeTests.close, to: connection) }
            while let (head, payload) = RawServer.frame(from: connection) {
                guard head == 0x88 else { continue }
                if !byServer { RawServer.write(MaxTimeTests.close, to: connection) }
                answer.yield(payload)
                break
            }
            answer.finish()
            // This side leaves the end to the other.
            RawServer.readToEnd(connection)
        }
        let words = byServer ? [] : ["-x", "hi"]
        let run = await
            (try CommandRun(arguments: ["connect", server.url] + more + words + MaxTimeTests.tooLong, input: nil))
            .finished()
        #expect(run.code == 0)
        #expect(run.errors == ["closed with 1000"])
        if !byServer { #expect(await answers.first { _ in true } == [0x03, 0xE8]) }
    }

    @Test func `gives a close as much time as it is told to (W8)`() async throws {
        let server = RawServer()
        server.serveNext { RawServer.readToEnd($0) }
        let run = await (try CommandRun("connect", server.url, "-x", "hi", "--close-timeout", "0.2")).finished()
        #expect(run.code == 1)
        #expect(run.errors == ["hansom: the peer did not end the connection within 0.2 seconds"])
    }

    @Test func `waits for a pong no longer than a second`() async throws {
        let server = RawServer()
        let (times, time) = AsyncStream<Duration>.makeStream()
        server.serveNext { connection in
            let clock = ContinuousClock()
            var asked: ContinuousClock.Instant?
            while let (head, _) = RawServer.frame(from: connection) {
                if head == 0x89 { asked = clock.now }
                guard head == 0x88 else { continue }
                RawServer.write(MaxTimeTests.close, to: connection)
                if let asked { time.yield(asked.duration(to: clock.now)) }
                break
            }
            time.finish()
            RawServer.readToEnd(connection)
        }
        let run = await (try CommandRun("connect", server.url, "-x", "hi")).finished()
        #expect(run.code == 0)
        let waited = try #require(await times.first { _ in true })
        #expect(waited > .seconds(1.4) && waited < .seconds(6))
    }

    @Test func `a signal ends it in good order within the time of a close, and a second one at once`() async throws {
        let server = RawServer()
        let (codes, code) = AsyncStream<[UInt8]>.makeStream()
        server.serveNext { connection in
            RawServer.write([0x81, 1, 0x61], to: connection)
            while let (head, payload) = RawServer.frame(from: connection) {
                if head == 0x88 { code.yield(payload) }
            }
            code.finish()
        }
        let run = try CommandRun(arguments: ["connect", server.url] + MaxTimeTests.tooLong, input: nil)
        #expect(await run.nextLine() == "a")
        run.signal(SIGTERM)
        #expect(await codes.first { _ in true } == [0x03, 0xE9])
        run.signal(SIGTERM)
        #expect(await run.finished().code == 128 + SIGTERM)
    }

    private struct Event: Decodable { let type: String }

    private func nextType(of run: CommandRun) async throws -> String {
        let line = try #require(await run.nextLine())
        return try JSONDecoder().decode(Event.self, from: Data(line.utf8)).type
    }

    @Test func `says that a message went out only when there is a connection (C9)`() async throws {
        let server = RawServer()
        server.serveNext { connection in
            RawServer.write([0x88, 2, 0x03, 0xE9], to: connection)
            RawServer.readToEnd(connection)
        }
        let run = try CommandRun("connect", server.url, "--reconnect", "--json")
        var types: [String] = []
        repeat { types.append(try await nextType(of: run)) } while types.last != "down"
        try await run.write("hello\n")
        // Long enough for the line to be read, as a rule. When it is not, the connection stays until it is.
        _ = await (try CommandRun("--version")).finished()
        server.serveNext { connection in
            _ = RawServer.frame(from: connection)
            RawServer.write(MaxTimeTests.close, to: connection)
            RawServer.readToEnd(connection)
        }
        let (first, second) = (try await nextType(of: run), try await nextType(of: run))
        #expect([first, second] == ["connected", "text"], "\(types)")
        run.signal(SIGKILL)
        _ = await run.finished()
    }
}
