import Foundation
import Testing
import WSClient

@testable import hansom

@Suite(.timeLimit(.minutes(2))) struct TopTests {
    private func snapshot(at time: UInt64, jobs: UInt64, busy: UInt64, _ processes: String = "") throws -> TopSnapshot {
        let text = """
            {"takenAt":\(time),"processCount":5,"schedulers":[{"index":0,"processCount":5,"runQueueLength":2,\
            "jobsRun":\(jobs),"busyTime":\(busy),"longestJob":12000000,"deadLetters":3,"messagesDropped":4,"zombies":1,\
            "alarmCount":0,"watchCount":0}],"processes":[\(processes)]}
            """
        return try JSONDecoder().decode(TopSnapshot.self, from: Data(text.utf8))
    }

    private func process(_ pid: Int, parent: Int?, mailbox: Int = 0, handled: Int = 0, label: String = "p") -> String {
        """
        {"pid":\(pid),"names":[],"groups":[],"label":"\(label)\(pid)","kind":"Process<Int>",\
        \(parent.map { "\"parent\":\($0)," } ?? "")"scheduler":0,"state":"waiting","mailboxLength":\(mailbox),\
        "messagesHandled":\(handled),"links":[],"monitors":0,"monitoredBy":0,"age":90000000000}
        """
    }

    @Test func `rates come of two snapshots, and the first has none (P21)`() throws {
        let first = try snapshot(at: 1_000_000_000, jobs: 100, busy: 0, process(1, parent: nil, handled: 10))
        let second = try snapshot(
            at: 3_000_000_000, jobs: 300, busy: 1_000_000_000, process(1, parent: nil, handled: 50))
        let alone = TopScreen(now: first, before: nil).lines(rows: 10)
        #expect(alone[0] == "5 processes, 1 schedulers, 3 dead letters, 4 dropped, 1 zombies")
        #expect(alone[3].split(separator: " ") == ["0", "-", "2", "-", "5", "12", "ms"])
        let compared = TopScreen(now: second, before: first).lines(rows: 10)
        #expect(compared[3].split(separator: " ") == ["0", "50", "%", "2", "100", "5", "12", "ms"])
        #expect(compared[6].split(separator: " ") == ["1", "0", "0", "20", "1", "m", "waiting", "p1"])
        #expect(compared.last == "     ... and 4 more")
    }

    @Test func `processes stand under those that started them, the fullest mailbox first (P21)`() throws {
        let parts = [
            process(1, parent: nil), process(2, parent: 1), process(3, parent: 1, mailbox: 9), process(4, parent: 3),
            process(5, parent: 77),
        ]
        let tree = ProcessTree(try snapshot(at: 0, jobs: 0, busy: 0, parts.joined(separator: ",")).processes)
        #expect(tree.rows.map(\.process.pid) == [1, 3, 4, 2, 5])
        #expect(tree.rows.map(\.depth) == [0, 1, 2, 1, 0])
    }

    @Test(arguments: [(24, 80), (10, 20), (12, 60), (3, 5), (100, 200)])
    func `what is shown fits the terminal, its first line too (P21)`(height: Int, width: Int) throws {
        let parts = (1...50).map { process($0, parent: nil, label: String(repeating: "長い", count: 60)) }
        let text = parts.joined(separator: ",")
        let now = try snapshot(at: 0, jobs: 0, busy: 0, text)
        let screen = TopScreen(now: now, before: nil)
        let lines = screen.lines(rows: nil, within: .init(height: height, width: width))
        #expect(lines.count <= height)
        #expect(lines.allSatisfy { DisplayWidth.of($0) <= width })
        #expect(lines.first?.hasPrefix("5 pro") == true)
        let few = screen.lines(rows: 2, within: .init(height: 100, width: 200))
        #expect(few.count == 2 + 2 + 1 + 1 + 2 + 1 && few.last == "     ... and 3 more")
    }

    @Test func `many schedulers leave room for processes (P21)`() throws {
        let scheduler = { (index: Int) in
            """
            {"index":\(index),"processCount":5,"runQueueLength":2,"jobsRun":1,"busyTime":1,"longestJob":1,"deadLetters":0,\
            "messagesDropped":0,"zombies":0}
            """
        }
        let all = (0..<64).map(scheduler).joined(separator: ",")
        let text =
            "{\"takenAt\":1,\"processCount\":1,\"schedulers\":[\(all)],\"processes\":[\(process(1, parent: nil))]}"
        let now = try JSONDecoder().decode(TopSnapshot.self, from: Data(text.utf8))
        let lines = TopScreen(now: now, before: nil).lines(rows: nil, within: .init(height: 24, width: 100))
        #expect(lines.count <= 24)
        #expect(lines.contains("      ... and 56 more"))
        #expect(lines.last?.hasSuffix("p1") == true)
    }

    @Test(arguments: [("/run/a", "ws+unix:///run/a:/"), ("/a b:%/ä", "ws+unix:///a%20b%3a%25/%c3%a4:/")])
    func `a path may have any character in it`(path: String, url: String) { #expect(Top.url(of: path) == url) }

    @Test func `on a terminal it begins with the first line, and q ends it (P21)`() async throws {
        let folder = FileManager.default.temporaryDirectory.path
        let name = "top-\(UUID().uuidString)"
        try await CommandRun.serving("echo", "--port", "0", "--schedulers", "3", "--inspect", "\(folder)/\(name)") {
            _, url in
            var guests: [WebSocket] = []
            // More processes than the terminal has lines.
            for _ in 0..<20 { guests.append(try await WebSocket.connect(to: url + "/room?token=secret")) }
            try await guests[0].send(.text("hello"))
            _ = try await guests[0].recv(timeout: .seconds(30))
            let run = try TerminalRun(arguments: ["top", "\(folder)/\(name)", "--interval", "0.05"])
            try await run.wait("the first line") {
                $0.lines[0].contains("processes, 3 schedulers") && $0.rows.count > 10
            }
            try await run.wait("what is left out") { $0.lines.contains { $0.contains("more") } }
            #expect(await run.screen.rows.count <= Int(TerminalRun.rows))
            run.type("q")
            #expect(await run.finished() == 0)
            #expect(run.mode == TerminalRun.Mode(givesLines: true, echoes: true))
            // A relative path, from the folder where the socket is.
            let script = "cd \"$1\" && exec \"$0\" top \"$2\" --once --interval 0.05"
            let shell = try Spawned("/bin/sh", ["-c", script, CommandRun.executable.path, folder, name])
            let shown = String(decoding: try shell.output.readToEnd() ?? Data(), as: UTF8.self)
            #expect(shell.waitForEnd() == 0)
            #expect(shown.contains("WebSocket 127.0.0.1:") && shown.contains(" /room, 5 B in, 5 B out"), "\(shown)")
            #expect(!shown.contains("secret"))
            for guest in guests { try await guest.close() }
        }
    }

    @Test(
        arguments: [
            (0, "0 us"), (999_999, "999 us"), (1_000_000, "1 ms"), (2_500_000_000, "2.5 s"), (61_000_000_000, "1 m"),
            (7_300_000_000_000, "2 h"),
        ] as [(UInt64, String)])
    func `times are short`(nanoseconds: UInt64, text: String) { #expect(Column.time(nanoseconds) == text) }

    @Test func `shows a running server's tree, mailboxes and schedulers, and the same as JSON (P21)`() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("top-\(UUID().uuidString)").path
        try await CommandRun.serving(
            "echo", "--port", "0", "--schedulers", "2", "--inspect", path
        ) { _, url in
            try await WebSocket.withConnection(to: url) { ws in
                try await ws.send(.text("hello"))
                _ = try await ws.recv(timeout: .seconds(30))
                let shown = await (try CommandRun("top", path, "--once", "--interval", "0.05")).finished()
                #expect(shown.code == 0 && shown.errors == [])
                let labels = ["server 127.0.0.1:", "connections 0", "connections 1", "acceptor", "WebSocket"]
                for label in labels {
                    #expect(shown.output.contains { $0.contains(label) }, "\(label) is not in \(shown.output)")
                }
                let text = await (try CommandRun("top", path, "--once", "--json")).finished()
                let snapshot = try JSONDecoder().decode(TopSnapshot.self, from: Data(text.output[0].utf8))
                #expect(snapshot.schedulers.count == 2)
                // A listener, two acceptors, two supervisors of connections and one above them, and a connection. The
                // server that answers here has a scheduler apart.
                #expect(snapshot.processes.count { $0.kind == "WebSocket" } == 1)
                // And the one that looks whether the server is full.
                #expect(snapshot.processes.count == 8)
            }
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func `says when nobody listens there`() async throws {
        let end = await (try CommandRun("top", "/tmp/there-is-no-such-socket", "--once")).finished()
        #expect(end.code == 1 && end.output == [])
        #expect(end.errors.first?.contains("/tmp/there-is-no-such-socket") == true)
    }
}
