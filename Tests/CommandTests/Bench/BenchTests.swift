import Glibc
import Testing
import WSServer

@Suite(.timeLimit(.minutes(2))) struct BenchTests {
    @Test(arguments: [(1, 1, 20), (8, 16, 0), (2, 4, 200_000)])
    func `measures an echo server`(connections: Int, depth: Int, size: Int) async throws {
        try await CommandRun.serving("echo", "--port", "0") { _, url in
            let bench = try CommandRun(
                "bench", "echo", url, "--connections", "\(connections)", "--depth", "\(depth)", "--size", "\(size)",
                "--seconds", "1")
            let run = await bench.finished()
            #expect(run.code == 0)
            #expect(run.output.count == 2)
            let rate = Int(run.output.first?.prefix { $0 != " " } ?? "")
            #expect(rate ?? 0 > 0)
            let load = "\(connections) connections, \(size) bytes, \(depth) in flight"
            #expect(run.output.first?.hasSuffix(load) == true)
            for part in ["p50 ", "p90 ", "p99 ", "p99.9 ", "max "] { #expect(run.output.last?.contains(part) == true) }
            #expect(run.errors.allSatisfy { $0.hasPrefix("1 s: ") && $0.hasSuffix(" messages/s") })
        }
    }

    @Test func `tells each second how it goes`() async throws {
        try await CommandRun.serving("echo", "--port", "0", "--sync") { _, url in
            let bench = try CommandRun("bench", "echo", url, "--connections", "2", "--seconds", "600")
            #expect(await bench.nextErrorLine()?.hasPrefix("1 s: ") == true)
            #expect(await bench.nextErrorLine()?.hasPrefix("2 s: ") == true)
            bench.signal(SIGINT)
            #expect(await bench.finished().code == 128 + SIGINT)
        }
    }

    @Test func `refuses what is no echo`() async throws {
        let server = try await WebSocketServer.listen(port: 0, onMessage: { ws, _ in ws.trySend(.text("no")) })
        let run = await (try CommandRun("bench", "echo", "ws://\(server.address)", "--seconds", "1")).finished()
        #expect(run.code == 1)
        #expect(run.errors == ["hansom: what came back is not what was sent; is it an echo server?"])
        await server.forceClose()
    }

    @Test func `says when the server goes away`() async throws {
        let server = try await WebSocketServer.listen(port: 0) { ws in _ = try await ws.recv() }
        let run = await (try CommandRun("bench", "echo", "ws://\(server.address)", "--seconds", "1")).finished()
        #expect(run.code == 1)
        #expect(run.errors == ["hansom: the connection was closed with 1000"])
        await server.forceClose()
    }

    @Test func `holds idle connections from the addresses that it is given`() async throws {
        try await CommandRun.serving("echo", "--port", "0") { _, url in
            let bench = try CommandRun(
                "bench", "idle", url, "--connections", "100", "--source", "127.0.0.2", "--source", "127.0.0.3")
            #expect(await bench.nextLine() == "100 connections open")
            bench.signal(SIGTERM)
            let run = await bench.finished()
            #expect(run.code == 0)
            #expect(run.output == ["0 of 100 connections lost"])
        }
    }

    @Test func `says how many idle connections it lost`() async throws {
        let server = try await WebSocketServer.listen(port: 0) { ws in _ = try await ws.recv() }
        let bench = try CommandRun("bench", "idle", "ws://\(server.address)", "--connections", "3")
        #expect(await bench.nextLine() == "3 connections open")
        await server.shutdown(within: .seconds(10))
        bench.signal(SIGTERM)
        let run = await bench.finished()
        #expect(run.code == 1)
        #expect(run.errors == ["hansom: 3 of 3 connections were lost; the first: 1001"])
    }

    @Test func `says how far it came when no more idle connections can be opened`() async throws {
        let server = try await WebSocketServer.listen(port: 0) { ws in _ = try await ws.recv() }
        await server.shutdown(within: .zero)
        let run = await (try CommandRun("bench", "idle", "ws://\(server.address)", "--connections", "3")).finished()
        #expect(run.code == 1)
        #expect(run.errors.first?.hasPrefix("hansom: 0 of 3 connections were open, then: ") == true)
    }

    @Test func `half the peers killed under load hurt nobody else (T37)`() async throws {
        try await CommandRun.serving("echo", "--port", "0") { _, url in
            let killed = try CommandRun("bench", "echo", url, "--connections", "16", "--seconds", "600")
            let spared = try CommandRun("bench", "echo", url, "--connections", "16", "--seconds", "2")
            #expect(await killed.nextErrorLine()?.hasPrefix("1 s: ") == true)
            #expect(await spared.nextErrorLine()?.hasPrefix("1 s: ") == true)
            killed.signal(SIGKILL)
            #expect(await killed.finished().code == 128 + SIGKILL)
            let end = await spared.finished()
            #expect(end.code == 0 && end.output.count == 2)
        }
    }
}
