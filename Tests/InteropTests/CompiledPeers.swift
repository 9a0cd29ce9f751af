import Foundation
import Testing

/// The foreign programs of Tests/Peers that are written in C or Go, compiled when they are first asked for, in a
/// temporary directory.
struct CompiledPeers: Sendable {
    private static let directory = NSTemporaryDirectory() + "hansom-peers-\(UUID())"

    private static func remove() { try? FileManager.default.removeItem(atPath: directory) }

    private static let making = Task { try await CompiledPeers() }

    static var shared: CompiledPeers { get async throws { try await making.value } }

    private init() async throws {
        let manager = FileManager.default
        try manager.createDirectory(atPath: CompiledPeers.directory, withIntermediateDirectories: true)
        atexit { CompiledPeers.remove() }
        for end in ["client", "server"] {
            try await compile([
                "cc", "-O1", "-Wall", "-Wextra", "-Werror", source("lws_\(end).c"), "-lwebsockets", "-o",
                path("lws_\(end)"),
            ])
            // Debian's packages of Go lie in a path of their own, from the time before modules. Its cache: a home is
            // not everybody's to write to.
            try await compile([
                "GO111MODULE=off", "GOPATH=/usr/share/gocode", "GOCACHE=\(path("go-cache"))", "go", "build", "-o",
                path("gorilla_\(end)"),
                source("gorilla/\(end).go"),
            ])
        }
    }

    func path(_ name: String) -> String { "\(CompiledPeers.directory)/\(name)" }

    private func source(_ name: String) -> String { Program.root.appendingPathComponent("Tests/Peers/\(name)").path }

    private func compile(_ words: [String]) async throws {
        let program = try Program("/usr/bin/env", words)
        program.closeInput()
        let (text, status) = await program.output()
        guard status == 0 else {
            throw Program.Missing(
                description: "cannot compile a peer; run ./Scripts/test, which installs what it needs: \(text)")
        }
    }
}
