import Foundation
import HansomTransport
import SocketTesting
import Testing
import WSClient

/// Servers with fewer descriptors than there are peers (T34).
@Suite(.timeLimit(.minutes(2))) struct DescriptorTests {
    private static let directory = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent()

    /// So many peers connect at the same time, and are gone when `body` has returned.
    private func crowd(_ count: Int, at address: SocketAddress, _ body: () async -> Void = {}) async throws {
        var descriptors: [Int32] = []
        defer { for descriptor in descriptors { Socket.close(descriptor) } }
        for _ in 0..<count {
            descriptors.append(try Socket.open(family: address.family))
            _ = try Socket.connect(descriptors[descriptors.count - 1], to: address)
        }
        await body()
    }

    /// A server that learns from the system that there are none left, and says so; and the command, which knows its
    /// limit and lets in only as many as it has descriptors for.
    private static let servers: [(words: [String], complaint: String?)] = [
        (["service-peer", "port", "0"], "no descriptors"),
        (["hansom", "serve", "echo", "--port", "0", "--schedulers", "2"], nil),
    ]

    @Test(arguments: servers)
    func `a server that runs out of descriptors says so, lives on, and serves when it has some again (S3) (T34)`(
        words: [String], complaint expected: String?
    ) async throws {
        let executable = Self.directory.appendingPathComponent(words[0]).path
        let server = try Program("/usr/bin/prlimit", ["--nofile=128", executable] + words.dropFirst())
        let first = try #require(await server.lines.first { $0.contains("127.0.0.1:") })
        let port = try #require(first.split(separator: ":").last.flatMap { UInt16($0) })
        let address = try #require(SocketAddress(numeric: "127.0.0.1", port: port))
        let complaint = Handover<Bool>()
        let reading = Task {
            for await line in server.lines where expected.map(line.contains) ?? true { complaint.give() }
        }
        // The first stay until it says so; after that they come and go.
        try await crowd(500, at: address) { if expected != nil { _ = await complaint.take() } }
        for _ in 0..<19 { try await crowd(500, at: address) }
        try await WebSocket.withConnection(
            to: "ws://\(address)/", options: .init(connectTimeout: .seconds(60))
        ) { ws in
            try await ws.send(.text("still there"))
            let echo = try await ws.recv(timeout: .seconds(60))
            #expect(echo == .text("still there"))
        }
        await server.end()
        #expect(await server.status() == 0)
        await reading.value
    }
}
