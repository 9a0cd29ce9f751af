import Foundation
import HansomTransport
import SocketTesting
import Testing
import WSClient

/// The command that serves, with fewer descriptors than there are peers (T34).
@Suite(.timeLimit(.minutes(2))) struct DescriptorTests {
    private static let hansom = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("hansom").path

    /// So many peers that connect at the same time, and are gone when this returns.
    private func connect(_ count: Int, to address: SocketAddress) throws {
        var descriptors: [Int32] = []
        defer { for descriptor in descriptors { Socket.close(descriptor) } }
        for _ in 0..<count {
            descriptors.append(try Socket.open(family: address.family))
            _ = try Socket.connect(descriptors[descriptors.count - 1], to: address)
        }
    }

    @Test func `a server that runs out of descriptors says so, lives on, and serves when it has some again (S3) (T34)`()
        async throws
    {
        let server = try Program(
            "/usr/bin/prlimit", ["--nofile=64", Self.hansom, "serve", "echo", "--port", "0", "--schedulers", "2"])
        let first = try #require(await server.lines.first { $0.hasPrefix("listening on ws://") })
        let port = try #require(first.split(separator: ":").last.flatMap { UInt16($0) })
        let address = try #require(SocketAddress(numeric: "127.0.0.1", port: port))
        let complaints = Task {
            var count = 0
            for await line in server.lines where line.contains("no descriptors") { count += 1 }
            return count
        }
        for _ in 0..<20 { try connect(500, to: address) }
        try await WebSocket.withConnection(
            to: "ws://\(address)/", options: .init(connectTimeout: .seconds(60))
        ) { ws in
            try await ws.send(.text("still there"))
            let echo = try await ws.recv(timeout: .seconds(60))
            #expect(echo == .text("still there"))
        }
        await server.end()
        #expect(await server.status() == 0)
        #expect(await complaints.value >= 1)
    }
}
