import Foundation
import Glibc
import Testing

/// A run of the built `hansom`, or of another program, as a process of the system. It is killed at a deadline, so that
/// no wait is for ever.
actor CommandRun {
    private nonisolated let process: Spawned
    private let output: AsyncStream<String>
    private let errors: AsyncStream<String>
    private let ends: AsyncStream<Int32>
    private let deadline: Task<Void, any Error>

    /// - Parameters:
    ///   - arguments: what stands behind `hansom`.
    ///   - input: all that is to be read from standard input; `nil`: it stays open until `endInput`.
    init(_ arguments: String..., input text: String? = nil) throws {
        try self.init(arguments: arguments, input: text.map { Data($0.utf8) })
    }

    /// - Parameter variables: what the environment has besides, each `NAME=VALUE`.
    init(
        program: String = CommandRun.executable.path, arguments: [String], input data: Data?, variables: [String] = []
    ) throws {
        let process =
            variables.isEmpty
            ? try Spawned(program, arguments) : try Spawned("/usr/bin/env", variables + [program] + arguments)
        self.process = process
        let (ends, ending) = AsyncStream<Int32>.makeStream()
        self.ends = ends
        Thread.detachNewThread {
            ending.yield(process.waitForEnd())
            ending.finish()
        }
        output = CommandRun.lines(of: process.output)
        errors = CommandRun.lines(of: process.errors)
        if let data {
            Thread.detachNewThread {
                // One that ends before it has read everything has its reasons.
                try? process.input.write(contentsOf: data)
                try? process.input.close()
            }
        }
        let pid = process.pid
        deadline = Task {
            try await Task.sleep(for: CommandRun.longest)
            kill(pid, SIGKILL)
        }
    }

    /// When whatever still runs is killed.
    private static let longest = Duration.seconds(60)

    /// The command that was built together with the tests.
    static let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("hansom")

    nonisolated var pid: Int32 { process.pid }

    // MARK: What it says

    /// Waits for the next line on standard output; `nil` at its end.
    func nextLine() async -> String? { await output.first { _ in true } }

    /// Waits for the next line on standard error; `nil` at its end.
    func nextErrorLine() async -> String? { await errors.first { _ in true } }

    /// Waits for its end, and returns all that it has said and not been asked for yet.
    func finished() async -> (code: Int32, output: [String], errors: [String]) {
        var result: (code: Int32, output: [String], errors: [String]) = (-1, [], [])
        for await line in output { result.output.append(line) }
        for await line in errors { result.errors.append(line) }
        for await code in ends { result.code = code }
        deadline.cancel()
        return result
    }

    /// Runs a server, calls `body` with it and the address that it says it listens on, and ends it with SIGTERM.
    static func serving(
        _ arguments: String..., body: (CommandRun, String) async throws -> Void
    ) async throws {
        try await serving(arguments, body: body)
    }

    static func serving(_ arguments: [String], body: (CommandRun, String) async throws -> Void) async throws {
        let server = try CommandRun(arguments: ["serve"] + arguments, input: nil)
        do {
            try await body(server, try await server.address())
        } catch {
            server.signal(SIGKILL)
            throw error
        }
        server.signal(SIGTERM)
        let end = await server.finished()
        #expect(end.code == 0)
        #expect(end.output == [])
        #expect(CommandRun.complaints(in: end.errors) == [])
    }

    /// What a server says on standard error but for one thing: on a busy machine, whatever holds a scheduler holds it
    /// for long.
    static func complaints(in errors: [String]) -> [String] {
        errors.filter { !$0.contains("a job held its scheduler") && !$0.contains("a job holds its scheduler") }
    }

    /// Waits until a server says where it listens, and returns that.
    func address() async throws -> String {
        guard let line = await nextLine() else {
            Issue.record("the server did not start: \(await nextErrorLine() ?? "no word")")
            throw CancellationError()
        }
        try #require(line.hasPrefix("listening on "))
        return String(line.dropFirst("listening on ".count))
    }

    // MARK: What it is told

    func write(_ text: String) throws { try process.input.write(contentsOf: Data(text.utf8)) }

    func endInput() throws { try process.input.close() }

    nonisolated func signal(_ number: Int32) { kill(process.pid, number) }

    // MARK: Lines

    /// The lines from a pipe, read by a thread of its own.
    private static func lines(of handle: FileHandle) -> AsyncStream<String> {
        let (lines, continuation) = AsyncStream<String>.makeStream()
        Thread.detachNewThread {
            var pending = Data()
            while true {
                let piece = handle.availableData
                if piece.isEmpty { break }
                pending += piece
                while let end = pending.firstIndex(of: 0x0A) {
                    continuation.yield(String(decoding: pending[..<end], as: UTF8.self))
                    pending = Data(pending[(end + 1)...])
                }
            }
            if !pending.isEmpty { continuation.yield(String(decoding: pending, as: UTF8.self)) }
            continuation.finish()
        }
        return lines
    }
}
