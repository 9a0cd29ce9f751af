import Glibc
import Testing

/// A run of `hansom serve echo` with several workers.
struct WorkersRun: Sendable {
    let run: CommandRun
    let url: String
    /// The numbers of the processes that serve, as it has said them.
    let workers: [pid_t]

    init(_ count: Int, _ arguments: String...) async throws { try await self.init(count, arguments) }

    init(_ count: Int, _ arguments: [String]) async throws {
        run = try CommandRun(
            arguments: ["serve", "echo", "--port", "0", "--workers", "\(count)"] + arguments, input: nil)
        url = try await run.address()
        var workers: [pid_t] = []
        for number in 1...count { workers.append(try await WorkersRun.worker(number, of: run)) }
        self.workers = workers
    }

    /// Waits for the word that a worker listens, and returns its process.
    @discardableResult
    func restarted(_ number: Int) async throws -> pid_t { try await WorkersRun.worker(number, of: run) }

    private static func worker(_ number: Int, of run: CommandRun) async throws -> pid_t {
        let line = try #require(await run.nextLine())
        let parts = line.split { $0 == " " || $0 == "," || $0 == ":" }
        try #require(line.hasPrefix("worker \(number), process ") && parts.count > 6, "\(line)")
        let most = try #require(Int(parts[6]))
        #expect(most > 0)
        return try #require(pid_t(parts[3]))
    }

    /// Ends it with SIGTERM. By then nobody holds its standard output any more: all processes have ended.
    func end(code: Int32 = 0) async {
        run.signal(SIGTERM)
        let end = await run.finished()
        #expect(end.code == code)
        #expect(end.output == [] && CommandRun.complaints(in: end.errors) == [])
    }
}
