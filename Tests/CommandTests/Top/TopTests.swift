import Foundation
import Testing
import WSClient

@testable import hansom

@Suite struct TopTests {
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

    @Test(arguments: [
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
                // A listener, two acceptors, two supervisors of connections and one above them, twice; and two connections.
                #expect(snapshot.processes.count { $0.kind == "WebSocket" } == 2)
                // And the one that looks whether the server is full.
                #expect(snapshot.processes.count == 15)
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
