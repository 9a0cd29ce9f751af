internal import Foundation

/// The scenarios, the traces of the original and the list of exceptions, as they stand in a folder.
public struct ScenarioFolder: Sendable {
    /// By title.
    public typealias Traces = [String: Trace]

    public let scenarios: [Scenario]
    public let original: Traces
    public let exceptions: Traces

    /// - Parameters:
    ///   - path: the folder, which has `Scenarios/` and `exceptions.trace`.
    ///   - traces: the folder with the traces of the original; default: `Traces/` in `path`.
    /// - Throws: when a file cannot be read.
    public init(_ path: String, traces: String? = nil) throws {
        let folder = URL(filePath: path, directoryHint: .isDirectory)
        let traceFolder =
            traces.map { URL(filePath: $0, directoryHint: .isDirectory) } ?? folder.appending(path: "Traces")
        scenarios = try Self.texts(in: folder.appending(path: "Scenarios")).flatMap(Scenario.all(in:))
        original = Self.byTitle(try Self.texts(in: traceFolder).flatMap(Trace.all(in:)))
        let list = try String(contentsOf: folder.appending(path: "exceptions.trace"), encoding: .utf8)
        exceptions = Self.byTitle(Trace.all(in: list))
    }

    /// Runs a scenario on our runtime, its processes spread on so many schedulers, and compares.
    public func comparison(of scenario: Scenario, schedulers: Int = 1) async throws -> Comparison {
        guard let original = original[scenario.title] else { return .differs(["has no trace of the original"]) }
        let ours = try await Runner.trace(of: scenario, schedulers: schedulers)
        return Comparison(ours: ours, original: original, exception: exceptions[scenario.title])
    }

    private static func texts(in folder: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .sorted { $0.path() < $1.path() }
            .map { try String(contentsOf: $0, encoding: .utf8) }
    }

    private static func byTitle(_ traces: [Trace]) -> Traces {
        Dictionary(traces.map { ($0.title, $0) }) { first, _ in first }
    }
}
