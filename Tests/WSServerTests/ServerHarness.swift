import Actors
import HansomTesting
import HansomTransport
import SocketTesting
import Testing
import WSClient
import WSServer

/// A server with schedulers of its own, and what a test asks of both.
struct ServerHarness: Sendable {
    let server: WebSocketServer
    let schedulers: SchedulerGroup

    static let echo: WebSocket.Handler = { ws in for try await message in ws { try await ws.send(message) } }

    var url: String { "ws://\(server.address)" }
    var port: Int? { server.address.port }

    /// A raw peer, connected.
    func raw() async throws -> RawSocket { try await RawSocket.connect(to: server.address) }

    /// A raw peer, whose handshake has been accepted.
    func rawUpgraded(_ target: String = "/") async throws -> RawSocket {
        let socket = try await raw()
        try await socket.send(Handshakes.request(target))
        let head = try await socket.receiveHead()
        #expect(head.hasPrefix("HTTP/1.1 101 "), "\(head)")
        return socket
    }

    /// A client of ours, on a scheduler of the test's.
    func client(_ options: ConnectOptions = .init(connectTimeout: nil)) async throws -> WebSocket {
        try await WebSocket.connect(to: url, options: options)
    }

    /// What a request is answered with, up to the end of the connection.
    func answer(to request: [UInt8]) async throws -> String {
        let socket = try await raw()
        try await socket.send(request)
        let answer = String(decoding: try await socket.receiveAll(), as: UTF8.self)
        await socket.close()
        return answer
    }

    func answer(to request: String) async throws -> String { try await answer(to: Array(request.utf8)) }

    /// What a server that listens and serves nobody has.
    var idle: Remains { Remains(processes: processes, watches: schedulers.schedulers.count, sockets: 1) }

    /// The server's own: its supervisor, one more for the connections of each
    /// scheduler, the listener, and an acceptor on each.
    var processes: Int { 2 * schedulers.schedulers.count + 2 }

    var remains: Remains { get async { await Remains.count(schedulers, port: port) } }

    /// Whether the server soon has no more than it had at first.
    func isIdleAgain() async -> Bool { await eventually { await hasOnly(idle) } }

    /// Whether the server has this and no more.
    func hasOnly(_ expected: Remains) async -> Bool {
        // The sockets are looked for in files, which takes longer.
        var schedulersOnly = expected
        schedulersOnly.sockets = 0
        guard await Remains.count(schedulers) == schedulersOnly else { return false }
        return await remains == expected
    }

    /// Runs `body` with a server, and shuts it down. Time stands still unless told otherwise, so that no deadline
    /// passes because the machine is slow.
    static func with<R>(
        _ options: ServerOptions = .init(), count: Int = 1, time: any TimeSource = ManualTime(),
        host: String = "127.0.0.1", report: @escaping @Sendable (SystemEvent) -> Void = { _ in },
        handler: @escaping WebSocket.Handler = echo, _ body: (ServerHarness) async throws -> R
    ) async throws -> R {
        try await with(options, count, time, report, body) {
            try await WebSocketServer.listen(host: host, port: 0, options: $0, handler: handler)
        }
    }

    /// The same with a synchronous handler.
    static func with<R>(
        _ options: ServerOptions = .init(), time: any TimeSource = ManualTime(),
        report: @escaping @Sendable (SystemEvent) -> Void = { _ in },
        onMessage handler: @escaping WebSocket.MessageHandler,
        _ body: (ServerHarness) async throws -> R
    ) async throws -> R {
        try await with(options, 1, time, report, body) {
            try await WebSocketServer.listen(port: 0, options: $0, onMessage: handler)
        }
    }

    /// The same with a server that has routes.
    static func with<R>(
        _ options: ServerOptions = .init(), count: Int = 1, time: any TimeSource = ManualTime(),
        report: @escaping @Sendable (SystemEvent) -> Void = { _ in }, routes: (inout Routes) -> Void,
        _ body: (ServerHarness) async throws -> R
    ) async throws -> R {
        var all = Routes()
        routes(&all)
        let routes = all
        return try await with(options, count, time, report, body) {
            try await WebSocketServer.listen(port: 0, options: $0, routes: routes)
        }
    }

    private static func with<R>(
        _ options: ServerOptions, _ count: Int, _ time: any TimeSource,
        _ report: @escaping @Sendable (SystemEvent) -> Void,
        _ body: (ServerHarness) async throws -> R, listen: (ServerOptions) async throws -> WebSocketServer
    ) async throws -> R {
        try await withSchedulers(count, time: time, report: report) { schedulers in
            var options = options
            options.schedulers = schedulers
            let harness = ServerHarness(server: try await listen(options), schedulers: schedulers)
            let result: Result<R, any Error>
            do { result = .success(try await body(harness)) } catch { result = .failure(error) }
            await harness.server.forceClose()
            return try result.get()
        }
    }
}

/// Whether an answer is a complete HTTP/1.1 answer of that status that ends the connection.
func expectRefusal(_ answer: String, _ status: Int, _ word: String = "", location: SourceLocation = #_sourceLocation) {
    let parts = answer.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    #expect(parts.count == 2, "no head: \(answer.debugDescription)", sourceLocation: location)
    guard parts.count == 2 else { return }
    #expect(parts[0].hasPrefix("HTTP/1.1 \(status) "), "\(parts[0])", sourceLocation: location)
    #expect(Handshakes.field("Content-Length", of: parts[0]) == String(parts[1].utf8.count), sourceLocation: location)
    #expect(Handshakes.field("Connection", of: parts[0])?.contains("close") == true, sourceLocation: location)
    #expect(Handshakes.field("Content-Type", of: parts[0]) != nil, sourceLocation: location)
    #expect(word.isEmpty || parts[1].contains(word), "\(parts[1]) does not say \(word)", sourceLocation: location)
}
