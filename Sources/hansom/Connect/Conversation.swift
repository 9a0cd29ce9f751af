internal import Actors
internal import ArgumentParser
internal import WSClient

/// What `hansom connect` does: a process, whose mailbox takes what the server says, the end of the input, and signals.
///
/// The input has a task of its own: were it sent from here, a server that waits for us to read would wait for ever.
struct Conversation: Sendable {
    let url: String
    let options: ConnectOptions
    /// How long nothing may arrive after the end of the input until all answers are taken to be there.
    let settling: Duration

    private enum Input: Sendable {
        case connected(WebSocket)
        case failed(any Error)
        case socket(WebSocket.Event)
        case inputEnded
        case signal(Int32)
    }

    /// Returns at an orderly end.
    func run() async throws {
        let result: Result<Void, any Error> = await withCheckedContinuation { continuation in
            Process<Input>.spawn { me in
                do {
                    try await talk(as: me)
                    continuation.resume(returning: .success(()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        try result.get()
    }

    private func talk(as me: isolated Process<Input>) async throws {
        connect(for: me)
        var connection: WebSocket?
        var isInputOver = false
        while let input = isInputOver ? await me.receive(timeout: settling) : await me.receive() {
            switch input {
            case .connected(let new):
                connection = new
                try await new.subscribe(me, active: .once) { .socket($0) }
                if StandardInput.isTerminal { try await say("connected; lines are sent as text, ^D ends", .error) }
                sendInput(to: new, for: me)
                sendSignal(to: me)
            case .failed(let error): throw error
            case .socket(.frame(let connection, let frame)):
                if let message = frame.message { try await say(Conversation.show(message), .output) }
                // At the end this fails, and the event that tells of it is on its way.
                try? await connection.setActive(.once)
            case .socket(.closed(_, let close)): return try await report(close)
            case .socket(.failed(_, let error)): throw error
            case .inputEnded: isInputOver = true
            case .signal(let number):
                try? await connection?.close(code: .goingAway)
                throw ExitCode(128 + number)
            }
        }
        guard let connection else { return }
        try await connection.close()
        try await report(WebSocket.Close(code: connection.closeCode ?? .abnormal, reason: connection.closeReason ?? ""))
    }

    // MARK: What feeds the mailbox

    /// In a task of the process, so that the connection belongs to it.
    private func connect(for me: isolated Process<Input>) {
        Task {
            do {
                me.send(.connected(try await WebSocket.connect(to: url, options: options)))
            } catch {
                me.send(.failed(error))
            }
        }
    }

    /// From now on; before, while it connects, a signal simply ends the command.
    private func sendSignal(to process: Process<Input>) {
        let signals = Signals.catchNext()
        Task.detached {
            for await number in signals { process.send(.signal(number)) }
        }
    }

    private func sendInput(to connection: WebSocket, for process: Process<Input>) {
        Task.detached {
            var input = StandardInput()
            do {
                while let lines = try await input.nextLines() {
                    for line in lines { try await connection.send(.text(line)) }
                }
                await awaitPong(connection)
                process.send(.inputEnded)
            } catch let failure as CommandFailure {
                process.send(.failed(failure))
            } catch {
                // The connection has ended, and tells so itself.
            }
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

    // MARK: Printing

    private func report(_ close: WebSocket.Close) async throws {
        guard close.isOrderly else { throw CommandFailure("the connection was closed with \(close)") }
        try await say("closed with \(close)", .error)
    }

    /// Prints where it blocks no scheduler: a terminal may be stopped.
    private func say(_ line: String, _ stream: StandardStream) async throws {
        let line = Printable(line).description
        try await blocking { () throws(CommandFailure) in try stream.write(line: line) }
    }

    private static func show(_ message: WebSocket.Message) -> String {
        switch message {
        case .text(let text): text
        case .binary(let bytes): HexDump(bytes).description
        }
    }
}
