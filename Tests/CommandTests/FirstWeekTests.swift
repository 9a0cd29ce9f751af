import Foundation
import Testing

/// The programs of the first week: what they print, and how long they are. What stands in `expected` is what the other
/// forms print too: `Scripts/otp-compare` runs them.
@Suite(.timeLimit(.minutes(2))) struct FirstWeekTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../Examples/FirstWeek").standardizedFileURL

    /// As they are called: those that have a file in `expected`.
    static let names = files(in: "expected").map { $0.deletingPathExtension().lastPathComponent }.sorted()

    private static func files(in name: String) -> [URL] {
        let folder = folder.appendingPathComponent(name)
        return (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
    }

    /// The lines that are neither empty nor a comment.
    private static func lines(of file: URL) throws -> Int {
        let comment = ["swift": "//", "erl": "%", "exs": "#"][file.pathExtension] ?? "?"
        return try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n")
            .map { $0.trimmingCharacters(in: .whitespaces) }.count { !$0.isEmpty && !$0.hasPrefix(comment) }
    }

    private func run(_ arguments: String...) async throws -> (code: Int32, output: [String], errors: [String]) {
        let program = CommandRun.executable.deletingLastPathComponent().appendingPathComponent("first-week")
        return await (try CommandRun(program: program.path, arguments: arguments, input: Data())).finished()
    }

    @Test func `without a name, all are listed`() async throws {
        let list = try await run()
        #expect(list.code == 0 && list.output.sorted() == FirstWeekTests.names, "\(list)")
        #expect(FirstWeekTests.names.count >= 7)
        let wrong = try await run("sieve")
        #expect(wrong.code == 0 && wrong.output == list.output, "\(wrong)")
    }

    @Test(arguments: names) func `a program prints what its Erlang or Elixir form prints`(name: String) async throws {
        let file = FirstWeekTests.folder.appendingPathComponent("expected/\(name).txt")
        let expected = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
        let run = try await run(name)
        #expect(run.code == 0 && run.output == expected, "\(run)")
    }

    @Test(arguments: names) func `a program has at most 1.2 times the lines of its Erlang or Elixir form`(
        name: String
    ) throws {
        let words = name.split(separator: "-")
        let ours = FirstWeekTests.folder.appendingPathComponent(words.map(\.capitalized).joined() + ".swift")
        let theirs = FirstWeekTests.files(in: "OTP")
            .filter { $0.deletingPathExtension().lastPathComponent == words.joined(separator: "_") }
        try #require(theirs.count == 1, "\(theirs)")
        let (a, b) = (try FirstWeekTests.lines(of: ours), try FirstWeekTests.lines(of: theirs[0]))
        #expect(b > 15 && a * 10 <= b * 12, "\(a) lines, and \(b) there")
    }
}
