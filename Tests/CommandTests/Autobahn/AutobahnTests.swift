import Testing
import WSServer

/// `hansom autobahn`, with a server that speaks as Autobahn's fuzzing server does.
@Suite(.timeLimit(.minutes(2))) struct AutobahnTests {
    /// Three cases: an echo in time, one that breaks a rule, and one that is refused; then the reports.
    private func withFuzzingServer(
        count: String = "3", _ body: (String) async throws -> Void
    ) async throws -> [String] {
        let (seen, asked) = AsyncStream<String>.makeStream()
        let server = try await WebSocketServer.listen(port: 0) { ws in
            let path = [ws.request?.path, ws.request?.query].compactMap { $0 }.joined(separator: "?")
            asked.yield(path)
            switch path {
            case "/getCaseCount": try await ws.send(.text(count))
            case "/runCase?case=1&agent=swift-test":
                try await ws.send(.text("together"))
                let echo = try await ws.recv()
                if echo == .text("together") { asked.yield("echoed") }
            case "/runCase?case=2&agent=swift-test": try await ws.close(code: .init(rawValue: 4000))
            default: break
            }
        }
        try await body("ws://\(server.address)")
        await server.shutdown(within: .seconds(5))
        asked.finish()
        var all: [String] = []
        for await path in seen { all.append(path) }
        return all
    }

    @Test func `runs every case and asks for the reports`() async throws {
        let asked = try await withFuzzingServer { url in
            let run = await (try CommandRun("autobahn", url, "--agent", "swift-test")).finished()
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.output == ["3 cases run"])
            #expect(run.errors == ["case 1 of 3", "case 2 of 3", "case 3 of 3"])
        }
        #expect(
            asked == [
                "/getCaseCount", "/runCase?case=1&agent=swift-test", "echoed", "/runCase?case=2&agent=swift-test",
                "/runCase?case=3&agent=swift-test", "/updateReports?agent=swift-test",
            ])
    }

    @Test(arguments: ["many", "-1"]) func `refuses what is no fuzzing server`(count: String) async throws {
        let asked = try await withFuzzingServer(count: count) { url in
            let run = await (try CommandRun("autobahn", url)).finished()
            #expect(run.code == 1)
            #expect(run.errors.count == 1)
            #expect(run.errors.first?.contains("is it Autobahn's fuzzing server?") == true)
        }
        #expect(asked == ["/getCaseCount"])
    }
}
