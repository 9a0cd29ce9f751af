import Foundation
import Testing

/// A foreign program, run from the package's root and ended by its own id.
final class Program: @unchecked Sendable {
    // Safety: `process` is made and started in `init`; afterwards only its thread-safe parts are used.
    private let process: Foundation.Process
    let lines: AsyncStream<String>
    private let input = Pipe()
    private let ended: AsyncStream<Int32>

    /// The package's root.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    struct Missing: Error, CustomStringConvertible {
        let description: String
    }

    init(_ executable: String, _ arguments: [String]) throws {
        process = Foundation.Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.currentDirectoryURL = Program.root
        process.environment = ProcessInfo.processInfo.environment.merging(["PYTHONUNBUFFERED": "1"]) { $1 }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = input
        let (lines, continuation) = AsyncStream.makeStream(of: String.self)
        self.lines = lines
        let splitter = LineSplitter()
        output.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            for line in splitter.take(data) { continuation.yield(line) }
            if data.isEmpty {
                handle.readabilityHandler = nil
                continuation.finish()
            }
        }
        let (ended, endContinuation) = AsyncStream.makeStream(of: Int32.self)
        self.ended = ended
        process.terminationHandler = { process in
            endContinuation.yield(process.terminationStatus)
            endContinuation.finish()
        }
        try process.run()
    }

    /// One of the peers of Tests/Peers, in its Python.
    static func peer(_ name: String, _ arguments: [String]) throws -> Program {
        let python = root.appendingPathComponent(".venv/bin/python").path
        guard FileManager.default.isExecutableFile(atPath: python) else {
            throw Missing(description: "the foreign peers are not installed: no \(python); run ./Scripts/test, which installs them")
        }
        return try Program(python, [root.appendingPathComponent("Tests/Peers/\(name).py").path] + arguments)
    }

    /// Writes to its standard input.
    func write(_ text: String) { try? input.fileHandleForWriting.write(contentsOf: Data(text.utf8)) }

    func closeInput() { try? input.fileHandleForWriting.close() }

    /// Waits for its end and returns the exit status.
    func status() async -> Int32 {
        for await status in ended { return status }
        return process.terminationStatus
    }

    /// Ends it, if it still runs.
    func end() async {
        if process.isRunning { process.terminate() }
        _ = await status()
    }

    /// Runs it to its end: what it printed, and its exit status.
    func output() async -> (text: String, status: Int32) {
        var all: [String] = []
        for await line in lines { all.append(line) }
        return (all.joined(separator: "\n"), await status())
    }
}

/// Cuts what arrives into lines.
private final class LineSplitter: @unchecked Sendable {
    // Safety: one handler at a time calls it.
    private var rest = Data()

    /// The lines that are complete; with the last, empty piece also one that has no end.
    func take(_ data: Data) -> [String] {
        rest += data
        var pieces = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let last = pieces.removeLast()
        if data.isEmpty, !last.isEmpty { pieces.append(last) }
        rest = Data(last)
        return pieces.map { String(decoding: $0, as: UTF8.self) }
    }
}
