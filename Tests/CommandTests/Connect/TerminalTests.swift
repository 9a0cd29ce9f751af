import Glibc
import Testing
import WSServer

/// `hansom connect` at a terminal, with somebody who types.
@Suite(.timeLimit(.minutes(2))) struct TerminalTests {
    private static let usual = TerminalRun.Mode(givesLines: true, echoes: true)

    private func atTerminal(
        _ arguments: [String] = [], environment: [String] = [],
        handler: @escaping WebSocket.Handler = TerminalTests.echo,
        body: (TerminalRun, WebSocketServer) async throws -> Void
    ) async throws {
        let server = try await WebSocketServer.listen(port: 0, handler: handler)
        let run = try TerminalRun(arguments: ["connect", "ws://\(server.address)"] + arguments, environment)
        do {
            try await run.wait("the prompt") { $0.line == ">" }
            try await body(run, server)
        } catch {
            run.signal(SIGKILL)
            throw error
        }
        await server.forceClose()
    }

    private static let echo: WebSocket.Handler = { ws in
        while true { try await ws.send(try await ws.recv()) }
    }

    @Test func `a line can be edited before it is sent, and comes back`() async throws {
        try await atTerminal { run, _ in
            #expect(run.mode == TerminalRun.Mode(givesLines: false, echoes: false))
            // "wörld" turns into "hello, wörld!": to the beginning, insert, to the end, a typing error less.
            run.type("wörldx\u{7F}\u{1B}[Hhello, \u{05}!!\u{02}\u{04}")
            try await run.wait("the edited line") { $0.line == "> hello, wörld!" }
            run.type("\n")
            try await run.wait("the answer") { $0.lines.contains("< hello, wörld!") && $0.line == ">" }
            // The arrow up brings it back; ^W takes its last word, ^U everything.
            run.type("\u{1B}[A\u{17}")
            try await run.wait("the line from before") { $0.line == "> hello," }
            run.type("\u{15}bye\r")
            try await run.wait("the second answer") { $0.lines.contains("< bye") && $0.line == ">" }
            run.type("\u{04}")
            #expect(await run.finished() == 0)
            try await run.wait("the end") { $0.lines.contains("closed with 1000") }
            #expect(await run.screen.lines.contains("> hello, wörld!"))
            #expect(await run.screen.strange == [])
            #expect(run.mode == TerminalTests.usual)
        }
    }

    @Test func `what arrives does not destroy the line being typed`() async throws {
        let (requests, request) = AsyncStream<Void>.makeStream()
        try await atTerminal(handler: { ws in
            for await _ in requests { try await ws.send(.text("news\u{1B}[2J")) }
            _ = try await ws.recv()
        }) { run, _ in
            run.type("half a li")
            try await run.wait("the line") { $0.line == "> half a li" }
            request.yield()
            try await run.wait("the message above the line") {
                $0.line == "> half a li" && $0.lines.contains("< news\\u{1B}[2J")
            }
            run.type("ne\u{1B}[D")
            try await run.wait("the rest") { $0.line == "> half a line" && $0.column == 12 }
            request.finish()
            run.type("\n")
            #expect(await run.finished() == 0)
        }
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func `a signal gives the terminal back`(signal: Int32) async throws {
        try await atTerminal { run, _ in
            run.type("some")
            try await run.wait("the line") { $0.line == "> some" }
            if signal == SIGINT { run.type("\u{03}") } else { run.signal(signal) }
            #expect(await run.finished() == 128 + signal)
            #expect(run.mode == TerminalTests.usual)
        }
    }

    @Test(arguments: [SIGHUP, SIGQUIT])
    func `signals that end it at once give the terminal back too`(signal: Int32) async throws {
        try await atTerminal { run, _ in
            run.signal(signal)
            #expect(await run.finished() == 128 + signal)
            #expect(run.mode == TerminalTests.usual)
        }
    }

    @Test func `the server's end gives the terminal back`() async throws {
        try await atTerminal(handler: { ws in
            _ = try await ws.recv()
            try await ws.close(code: .init(rawValue: 4000), reason: "no")
        }) { run, _ in
            run.type("x\n")
            #expect(await run.finished() == 1)
            try await run.wait("why") { $0.lines.contains { $0.contains("closed with 4000") } }
            #expect(run.mode == TerminalTests.usual)
        }
    }

    @Test func `a session that is stopped gives the terminal back, and takes it again`() async throws {
        try await atTerminal { run, _ in
            run.type("abc")
            try await run.wait("the line") { $0.line == "> abc" }
            // The leader of a session that nobody controls is not stopped by ^Z: it goes on at once.
            run.signal(SIGTSTP)
            run.type("d")
            try await run.wait("the line, gone on with") { $0.line == "> abcd" }
            #expect(run.mode == TerminalRun.Mode(givesLines: false, echoes: false))
            run.type("\u{0C}")
            try await run.wait("a cleared screen") { $0.line == "> abcd" && $0.row == 0 }
            run.type("\u{03}")
            #expect(await run.finished() == 130)
        }
    }

    @Test func `colours tell directions apart, unless NO_COLOR is set`() async throws {
        for (environment, mark) in [([], "\u{1B}[36m< \u{1B}[0mhi"), (["NO_COLOR=1"], "\r\u{1B}[K< hi")] {
            try await atTerminal(environment: environment) { run, _ in
                run.type("hi\n")
                try await run.wait("the answer") { $0.lines.contains("< hi") }
                let raw = String(decoding: await run.raw, as: UTF8.self)
                #expect(raw.contains(mark))
                run.type("\u{04}")
                #expect(await run.finished() == 0)
            }
        }
    }

    @Test func `a dumb terminal gives whole lines`() async throws {
        let server = try await WebSocketServer.listen(port: 0, handler: TerminalTests.echo)
        let run = try TerminalRun(arguments: ["connect", "ws://\(server.address)"], ["TERM=dumb"])
        try await run.wait("the greeting") { $0.lines.contains { $0.hasPrefix("connected") } }
        #expect(run.mode == TerminalTests.usual)
        run.type("hi\n")
        try await run.wait("the answer") { $0.lines.contains("< hi") }
        run.type("\u{04}")
        #expect(await run.finished() == 0)
        await server.forceClose()
    }
}
