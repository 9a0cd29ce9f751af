internal import WSClient

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
