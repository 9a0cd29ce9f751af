internal import Actors
internal import ArgumentParser
internal import WSClient

/// `hansom bench idle`
struct BenchIdle: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle", abstract: "Hold connections that do nothing but answer pings.",
        discussion: """
            Says on standard output how many are open when all are, and at the end how many were lost. SIGINT and \
            SIGTERM end it in good order.
            """)

    @Argument(help: "The URL of a server.")
    var url: String

    @Option(help: "Hold so many connections.")
    var connections = 1000

    @Option(help: "Connect from this address of this machine; may be given several times, they take turns.")
    var source: [String] = []

    @Option(help: "Hold them for so many seconds. (default: until a signal)")
    var seconds: Seconds?

    @Option(name: .customLong("connect-timeout"), help: "Give each connection so many seconds to open.")
    var connectTimeout = Seconds(8)

    @OptionGroup var trust: TrustOptions

    func validate() throws {
        try OptionRange.check("--connections", connections, 1...1_000_000)
        for address in source where IdleLoad.sourceOptions(address) == nil {
            throw ValidationError("--source \(address); an IP address in numbers is wanted")
        }
    }

    func run() async throws {
        let signals = Signals.catchNext()
        var options = ConnectOptions()
        options.tls = trust.tls
        options.proxy = .none
        options.connectTimeout = connectTimeout.duration
        let load = IdleLoad(
            url: url, options: options, sources: source.compactMap(IdleLoad.sourceOptions), connections: connections)
        let held = try await load.open()
        try StandardStream.output.write(line: "\(held.count) connections open")
        await hold(until: signals)
        let lost = held.count { $0.isClosed }
        let reason = held.lazy.compactMap(\.closeCode).first
        await load.close(held)
        guard lost == 0 else {
            throw CommandFailure("\(lost) of \(held.count) connections were lost; the first: \(reason?.rawValue ?? 0)")
        }
        try StandardStream.output.write(line: "0 of \(held.count) connections lost")
    }

    /// Returns after the time that was asked for, or at a signal.
    private func hold(until signals: AsyncStream<Int32>) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in signals { return } }
            if let seconds { group.addTask { try? await Task.sleep(for: seconds.duration) } }
            await group.next()
            group.cancelAll()
        }
    }
}

/// Connections that are opened and held.
struct IdleLoad: Sendable {
    let url: String
    let options: ConnectOptions
    /// What their sockets are told, in turn; empty: what `options` says.
    let sources: [SocketOptions]
    let connections: Int

    /// How many are under way at once: a server's backlog is not what is measured.
    private static let dialling = 64

    /// A socket that connects from `address`; `nil` when that is no IP address in numbers.
    static func sourceOptions(_ address: String) -> SocketOptions? {
        guard let local = SocketAddress(numeric: address, port: 0) else { return nil }
        var options = SocketOptions()
        options.localAddress = local
        return options
    }

    /// - Throws: how far it came and why no further; what was opened is closed then.
    func open() async throws -> [WebSocket] {
        var open: [WebSocket] = []
        open.reserveCapacity(connections)
        do {
            try await withThrowingTaskGroup(of: WebSocket.self) { group in
                for index in 0..<connections {
                    if index >= IdleLoad.dialling, let socket = try await group.next() { open.append(socket) }
                    group.addTask { try await WebSocket.connect(to: url, options: options(of: index)) }
                }
                for try await socket in group { open.append(socket) }
            }
        } catch {
            await close(open)
            throw CommandFailure("\(open.count) of \(connections) connections were open, then: \(error)")
        }
        return open
    }

    func close(_ sockets: [WebSocket]) async {
        await withTaskGroup(of: Void.self) { group in
            for (index, socket) in sockets.enumerated() {
                if index >= IdleLoad.dialling { await group.next() }
                group.addTask { try? await socket.close(code: .goingAway) }
            }
        }
    }

    private func options(of index: Int) -> ConnectOptions {
        guard !sources.isEmpty else { return options }
        var own = options
        own.socket = sources[index % sources.count]
        return own
    }
}
