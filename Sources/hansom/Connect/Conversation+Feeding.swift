internal import Actors
internal import WSClient

/// What feeds the mailbox.
extension Conversation {
    /// What the ping after the last message carries: its pong is nobody's business.
    static let lastPing = Array("all is said".utf8)

    /// Begins to connect, as the process, so that the connection ends with it.
    func connect(for me: isolated Me) {
        var options = options
        if report.isVerbose { options.onHandshake = { [me] in me.send(.handshake($0)) } }
        if reconnects {
            _ = ReconnectingWebSocket.start(to: url, options: .init(connect: options), telling: me, active: .once) {
                .client($0)
            }
            return
        }
        Task { [options] in
            do {
                me.send(.connected(try await WebSocket.connect(to: url, options: options)))
            } catch {
                me.send(.failed(error))
            }
        }
    }

    /// From now on; before, while it connects, a signal simply ends the command.
    func sendSignal(to process: Me) {
        let signals = Signals.catchNext()
        Task.detached {
            for await number in signals { process.send(.signal(number)) }
        }
    }

    func sendInput(_ source: MessageSource, to connection: WebSocket, for process: Me) {
        Task.detached {
            var (source, connection) = (source, connection)
            do {
                while let messages = try await source.next() {
                    for message in messages {
                        // Not before there is a connection that it can go over.
                        if reconnects, connection.isClosed { connection = await uplink.next(after: connection) }
                        try await tell(.sent(message))
                        try await send(message, over: &connection)
                    }
                }
                await part(from: connection, for: process)
            } catch let failure as CommandFailure {
                process.send(.failed(failure))
            } catch {
                // The connection has ended, and tells so itself.
            }
        }
    }

    /// Sends over that connection or, if it is over and another follows, over the next.
    private func send(_ message: WebSocket.Message, over connection: inout WebSocket) async throws {
        while true {
            do {
                try await connection.send(message)
                return
            } catch {
                guard reconnects, connection.isClosed else { throw error }
                connection = await uplink.next(after: connection)
            }
        }
    }

    private func part(from connection: WebSocket, for process: Me) async {
        switch parting {
        case .silence:
            await awaitPong(connection)
            process.send(.inputEnded)
        case .after(let stay):
            try? await Task.sleep(for: stay)
            process.send(.stayed)
        }
    }

    /// A server that has answered a ping has received all that was sent before it: on a slow way, or when it is busy,
    /// silence before that means nothing. One that answers none is waited for no longer than a second.
    private func awaitPong(_ connection: WebSocket) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = try? await connection.ping(Conversation.lastPing) }
            group.addTask { try? await Task.sleep(for: .seconds(1)) }
            await group.next()
            group.cancelAll()
        }
    }
}
