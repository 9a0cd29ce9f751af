import Actors
import Foundation
import SocketTesting
import Testing
import WSProtocol

@testable import hansom

/// Hostile peers on real sockets; a server's memory at the worst moment is at most the limit that applies and 64 KiB
/// more.
@Suite(
    .serialized, .disabled(if: Sanitizers.arePresent, "its memory is not the server's alone"), .timeLimit(.minutes(2)))
struct HostileMemoryTests {
    private static let mask: [UInt8] = [7, 7, 7, 7]
    private static let limit = 1 << 20

    @Test(arguments: [false, true])
    func `1 GiB of zeros that came as 1 MB is refused while it inflates (T1)`(inFragments: Bool) async throws {
        let bomb = try Bomb.payload(gibibytes: 1)
        try await WatchedServer.run("--deflate", "--max-message-size", "\(Self.limit)") { server in
            for _ in 0..<2 {
                let growth = try await server.growth {
                    let peer = try await server.peer(extra: ["Sec-WebSocket-Extensions: permessage-deflate"])
                    let pieces = inFragments ? 512 : 1
                    for index in 0..<pieces {
                        let part = bomb[(index * bomb.count / pieces)..<((index + 1) * bomb.count / pieces)]
                        var frame = Frames.frame(
                            index == 0 ? 2 : 0, Array(part), isFinal: index == pieces - 1, mask: Self.mask)
                        if index == 0 { frame[0] |= 0x40 }
                        // A server that has had enough stops reading.
                        guard (try? await peer.send(frame)) != nil else { break }
                    }
                    try await expectClose(1009, peer)
                }
                #expect(growth <= Self.limit + WatchedServer.slack)
            }
        }
    }

    @Test(arguments: [0, 1, 1000])
    func `fragments without end are refused at the limit (T2) (T3)`(size: Int) async throws {
        try await WatchedServer.run { server in
            let growth = try await server.growth {
                let peer = try await server.peer()
                let fragment = Frames.frame(0, [UInt8](repeating: 1, count: size), isFinal: false, mask: Self.mask)
                try await peer.send(Frames.frame(2, isFinal: false, mask: Self.mask))
                for _ in 0..<131 {
                    let thousand = [UInt8]((0..<1000).map { _ in fragment }.joined())
                    guard (try? await peer.send(thousand)) != nil else { break }
                }
                try await expectClose(1009, peer)
            }
            #expect(growth <= Self.limit + WatchedServer.slack)
        }
    }

    @Test func `a message without end in large fragments is refused at the limit (T2)`() async throws {
        try await WatchedServer.run { server in
            for _ in 0..<2 {
                let growth = try await server.growth {
                    let peer = try await server.peer()
                    let payload = [UInt8](repeating: 1, count: 30_000)
                    try await peer.send(Frames.frame(2, payload, isFinal: false, mask: Self.mask))
                    for _ in 0..<100 {
                        guard (try? await peer.send(Frames.frame(0, payload, isFinal: false, mask: Self.mask))) != nil
                        else { break }
                    }
                    try await expectClose(1009, peer)
                }
                #expect(growth <= Self.limit + WatchedServer.slack)
            }
        }
    }

    @Test(.enabled(if: DescriptorLimit.raise() >= 4096, "a thousand sockets want descriptors, here and in the server"))
    func `a length that is only claimed costs nothing, on a thousand sockets (T6) (T7)`() async throws {
        try await WatchedServer.run { server in
            var peers: [RawSocket] = []
            for _ in 0..<1000 { peers.append(try await server.peer()) }
            let count = UInt64(Self.limit)
            let header = [0x82, 0xFF] + (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) } + Self.mask
            let last = try await server.peer()
            let growth = try await server.growth {
                for peer in peers { try await peer.send(header) }
                // It has read those when it answers a peer that asks after them.
                try await last.send(Frames.frame(9, [1], mask: Self.mask))
                _ = try await last.receiveFrame()
            }
            await last.close()
            // No limit applies: a byte of buffer for each would be no 64 KiB.
            #expect(growth <= WatchedServer.slack)
            for peer in peers { await peer.close() }
        }
    }

    @Test func `a flood of pings from a peer that never reads costs no more than the output may hold (T25)`()
        async throws
    {
        try await WatchedServer.run { server in
            let growth = try await server.growth {
                let peer = try await server.peer()
                let ping = Frames.frame(9, [UInt8](repeating: 9, count: 125), mask: Self.mask)
                let thousand = [UInt8]((0..<1000).map { _ in ping }.joined())
                for _ in 0..<200 { try await peer.send(thousand) }
                await peer.reset()
            }
            #expect(growth <= (64 << 10) + WatchedServer.slack)
        }
    }

    @Test func `a hundred thousand messages at once cost no more than the queues may hold (T26)`() async throws {
        try await WatchedServer.run { server in
            let growth = try await server.growth {
                let peer = try await server.peer()
                let thousand = [UInt8]((0..<1000).map { _ in Frames.frame(2, [1, 2, 3], mask: Self.mask) }.joined())
                async let sent: Void = { for _ in 0..<100 { try await peer.send(thousand) } }()
                let answers = try await peer.receive(100_000 * 5)
                try await sent
                #expect(answers.count == 500_000)
                await peer.close()
            }
            // What the queues of messages and of bytes to be written may hold.
            #expect(growth <= Self.limit + (64 << 10) + WatchedServer.slack)
        }
    }

    @Test func `requests that do not wait for answers cost no more than a few reads (S7)`() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("hansom-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("page".utf8).write(to: folder.appendingPathComponent("page.txt"))
        let file = folder.appendingPathComponent("hansom.json")
        let routes = #"{"routes": {"/": "echo", "/page": {"file": "page.txt"}}}"#
        try Data(routes.utf8).write(to: file)
        try await WatchedServer.run(["--config", file.path]) { server in
            let growth = try await server.growth {
                let peer = try await RawSocket.connect(to: server.address)
                let request = "GET /page HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
                // It answers a thousand and closes; each answer is read from a file, off the scheduler.
                _ = try? await peer.send(Array(String(repeating: request, count: 25_000).utf8))
                _ = try? await peer.receiveAll()
                await peer.reset()
            }
            #expect(growth <= (256 << 10) + WatchedServer.slack)
        }
    }

    @Test func `peers that ask for a file and read nothing of it hold a piece each at most (S23, T29)`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "hansom-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(repeating: 7, count: 32 << 20).write(to: folder.appending(path: "large.bin"))
        let configuration = folder.appending(path: "served.json")
        try Data(#"{"routes": {"/": "echo", "/large": {"file": "large.bin"}}}"#.utf8).write(to: configuration)
        try await WatchedServer.run(["--config", configuration.path]) { server in
            let count = 50
            let growth = try await server.growth {
                var peers: [RawSocket] = []
                for _ in 0..<count {
                    let peer = try await RawSocket.connect(to: server.address)
                    try await peer.send("GET /large HTTP/1.1\r\nHost: a.example\r\n\r\n")
                    _ = try await peer.receive(1)
                    peers.append(peer)
                }
                for peer in peers { await peer.close() }
            }
            // A piece each, of which the kernel did not take all, 8 KiB for what else a connection has, and a piece for
            // each of the eight threads that read files.
            #expect(growth <= count * (72 << 10) + 8 * (64 << 10), "\(growth) bytes")
        }
    }

    /// Connects `count` peers, each of which sends 900 KB of a message of 1 MB, as far as the server reads.
    private func unfinished(
        _ count: Int, _ server: WatchedServer, _ body: ([RawSocket]) async throws -> Void
    ) async throws {
        var peers: [RawSocket] = []
        for _ in 0..<count { peers.append(try await server.peer()) }
        let bytes = Array(Frames.frame(2, [UInt8](repeating: 1, count: 1_000_000), mask: Self.mask).prefix(900_000))
        let sending = peers.map { peer in Task { try? await peer.send(bytes) } }
        let result: Result<Void, any Error>
        do { result = .success(try await body(peers)) } catch { result = .failure(error) }
        for peer in peers { await peer.reset() }
        for task in sending { _ = await task.value }
        try result.get()
    }

    @Test
    func `all unfinished messages together hold no more than totalBytes, and the largest end with 1013 (S24) (T50)`()
        async throws
    {
        let (total, count) = (8 << 20, 60)
        try await WatchedServer.run("--max-total-bytes", "\(total)") { server in
            let growth = try await server.growth {
                try await unfinished(count, server) { peers in
                    let (codes, told) = AsyncStream<Int?>.makeStream()
                    for peer in peers { Task { told.yield((try? await peer.receiveClose())?.code) } }
                    #expect(await codes.first { _ in true } == 1013)
                }
            }
            #expect(growth <= total + count * (128 << 10) + (1 << 20), "\(growth) bytes")
        }
    }

    @Test func `what unfinished messages took at a peak is given back some seconds after it (S24)`() async throws {
        try await WatchedServer.run { server in
            let before = try server.memory("VmRSS")
            try await unfinished(60, server) { _ in
                #expect(await eventually { (try? server.memory("VmRSS")).map { $0 - before > 48 << 20 } ?? false })
            }
            #expect(await eventually { (try? server.memory("VmRSS")).map { $0 - before < 12 << 20 } ?? false })
        }
    }

    @Test func `what was freed at the end of a scheduler's own heap is given back as well (S24)`() async throws {
        let group = try SchedulerGroup(options: .init(count: 2))
        for scheduler in group.schedulers {
            await scheduler.ask { _ in _ = (0..<40).map { _ in [UInt8](repeating: 1, count: 1 << 20) } }
        }
        let held = try WatchedServer.memory("VmRSS", of: "self")
        FreedMemory.giveBack(on: group.schedulers)
        #expect(
            await eventually { (try? WatchedServer.memory("VmRSS", of: "self")).map { held - $0 > 70 << 20 } ?? false })
        await group.shutdown()
    }

    private func expectClose(_ code: Int, _ peer: RawSocket) async throws {
        let close = try await peer.receiveClose()
        #expect(close?.code == code)
        await peer.close()
    }
}
