import Actors
import Glibc
import HansomTesting
import SocketTesting
import Testing
import WSClient
import WSServer

/// Connections that another server has accepted (S7).
@Suite struct UpgradeTests {
    private func sockets() throws -> (client: Int32, server: Int32) {
        var ends: [Int32] = [-1, -1]
        let result = unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
        try #require(result == 0)
        return (ends[0], ends[1])
    }

    /// Reads some of a request, as another server would.
    private func readSome(_ descriptor: Int32, atMost count: Int) async -> [UInt8] {
        await blocking {
            var bytes = [UInt8](repeating: 0, count: count)
            let read = unsafe bytes.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            return Array(bytes.prefix(max(read, 0)))
        }
    }

    @Test(arguments: [1, 40, 4096])
    func `serves a connection whose request somebody else has begun to read (S7)`(count: Int) async throws {
        try await withSchedulers { schedulers in
            var options = ServerOptions()
            options.schedulers = schedulers
            let (near, far) = try sockets()
            async let client = WebSocket.connect(
                over: near, to: "ws://example.com/chat", options: .init(scheduler: schedulers.schedulers[0]))
            let received = await readSome(far, atMost: count)
            async let served = WebSocketServer.upgrade(
                over: far, received: received, options: options, handler: ServerHarness.echo)
            let ws = try await client
            try await ws.send(.text("hello"))
            #expect(try await ws.recv() == .text("hello"))
            try await ws.close()
            #expect(try await served)
            #expect(await eventually { await Remains.count(schedulers) == Remains() })
        }
    }

    @Test func `answers a request that is no upgrade, and says so (S4, S7)`() async throws {
        try await withSchedulers { schedulers in
            var options = ServerOptions()
            options.schedulers = schedulers
            let (near, far) = try sockets()
            async let served = WebSocketServer.upgrade(
                over: far, received: Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8), options: options,
                handler: ServerHarness.echo)
            let answer = await readSome(near, atMost: 4096)
            #expect(String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 426 "))
            close(near)
            #expect(try await !served)
        }
    }

    @Test func `refuses what is no socket, and leaves it to its owner (S7)`() async throws {
        let file = unsafe open("/dev/null", O_RDONLY)
        defer { close(file) }
        let error = await #expect(throws: WebSocketError.self) {
            try await WebSocketServer.upgrade(over: file, received: [], handler: ServerHarness.echo)
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(fcntl(file, F_GETFD) != -1)
    }

    @Test func `cancelling ends the connection with 1001 (S7, W8)`() async throws {
        try await withSchedulers { schedulers in
            var options = ServerOptions()
            options.schedulers = schedulers
            let (near, far) = try sockets()
            let task = Task { [options] in
                try await WebSocketServer.upgrade(
                    over: far, received: [], options: options, handler: ServerHarness.echo)
            }
            let ws = try await WebSocket.connect(
                over: near, to: "ws://example.com/", options: .init(scheduler: schedulers.schedulers[0]))
            task.cancel()
            while (try? await ws.recv()) != nil {}
            #expect(ws.closeCode == .goingAway)
            #expect(try await task.value)
        }
    }
}
