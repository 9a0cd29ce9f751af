// Programs that people write in their first week, each beside the form that it has in Erlang or Elixir.
//
//     swift run --package-path Examples FirstWeek           which there are
//     swift run --package-path Examples FirstWeek pool      one of them
//
// `Scripts/otp-compare` runs the other forms: both print what stands in `expected`.

import Actors

@main
struct FirstWeek {
    typealias Program = @Sendable () async throws -> Void

    static let programs: KeyValuePairs<String, Program> = [
        "pool": pool,
        "limiter": limiter,
        "machine": machine,
        "job-queue": jobQueue,
        "rooms": rooms,
        "cache": cache,
        "fan-out": fanOut,
        "pipeline": pipeline,
    ]

    static func main() async throws {
        let name = CommandLine.arguments.dropFirst().first
        guard let program = programs.first(where: { $0.key == name })?.value else {
            return print(programs.map(\.key).joined(separator: "\n"))
        }
        // As a process, like a script of Erlang's: then those whom it asks know who asks.
        try await ProcessTask.spawn(label: "program") { try await program() }.value
    }
}
