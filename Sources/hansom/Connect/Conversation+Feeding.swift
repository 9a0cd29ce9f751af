internal import Actors
internal import WSClient

/// What feeds the mailbox.
extension Conversation {
    /// In a task of the process, so that the connection belongs to it.
    func connect(for me: isolated Process<Input>) {
        var options = options
        if report.isVerbose { options.onHandshake = { [me] in me.send(.handshake($0)) } }
        Task { [options] in
            do {
                me.send(.connected(try await WebSocket.connect(to: url, options: options)))
            } catch {
                me.send(.failed(error))
            }
        }
    }

    func limitTime(of process: Process<Input>) {
        guard let longest else { return }
        Task.detached {
            try? await Task.sleep(for: longest)
            process.send(.late(longest))
        }
    }

    /// From now on; before, while it connects, a signal simply ends the command.
    func sendSignal(to process: Process<Input>) {
        let signals = Signals.catchNext()
        Task.detached {
            for await number in signals { process.send(.signal(number)) }
        }
    }

    func sendInput(_ source: MessageSource, to connection: WebSocket, for process: Process<Input>) {
        Task.detached {
            var source = source
            do {
                while let messages = try await source.next() {
                    for message in messages {
                        try await tell(.sent(message))
                        try await connection.send(message)
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

    private func part(from connection: WebSocket, for process: Process<Input>) async {
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
    /// silence before that means nothing. One that answers none is not waited for longer than a connection would be.
    private func awaitPong(_ connection: WebSocket) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = try? await connection.ping() }
            group.addTask { try? await Task.sleep(for: options.connectTimeout ?? .seconds(8)) }
            await group.next()
            group.cancelAll()
        }
    }
}
