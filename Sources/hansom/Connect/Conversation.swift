internal import Actors
internal import ArgumentParser
internal import WSClient

/// What `hansom connect` does: a process, whose mailbox takes what the server says, the end of the input, and signals.
///
/// The input has a task of its own: were it sent from here, a server that waits for us to read would wait for ever.
struct Conversation: Sendable {
    let url: String
    let options: ConnectOptions
    /// Whether to connect again whenever the connection is over.
    let reconnects: Bool
    /// What to send instead of the input.
    let script: [WebSocket.Message]?
    /// How messages are written.
    let form: MessageForm
    let parting: Parting
    /// Sees to it that all of it takes no longer than it may.
    let timeLimit: TimeLimit?
    let printer: EventPrinter
    let console: Console
    let uplink = Uplink()

    typealias Me = Process<Input>

    enum Input: Sendable {
        case handshake(HandshakeStep)
        case connected(WebSocket)
        case failed(any Error)
        case socket(WebSocket.Event)
        /// What `connected`, `failed` and `socket` are for one that reconnects.
        case client(ReconnectingWebSocket.Event)
        /// Everything is said, and the server has it.
        case inputEnded
        /// The time to stay after the last message is over.
        case stayed
        /// The time for all of it is over.
        case late
        case signal(Int32)
    }

    /// How far it has come.
    private struct Progress {
        var connection: WebSocket?
        var hasBegun = false
        /// How long nothing may arrive any more; `nil`: not everything is said.
        var silence: Duration?
        /// Why we close the connection, once we do.
        var closing: Closing?
        var isOver = false
    }

    /// Why we close the connection.
    private enum Closing { case allIsSaid, signal(Int32) }

    /// Returns at an orderly end.
    func run() async throws {
        // One connection needs one thread; and what goes wrong is told here, not in a log.
        let group = try SchedulerGroup(
            options: .init(count: 1, name: "connect", system: SystemSettings(report: { _ in })))
        let result: Result<Void, any Error> = await withCheckedContinuation { continuation in
            Process<Input>.spawn(on: group.next()) { me in
                do {
                    try await talk(as: me)
                    continuation.resume(returning: .success(()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        console.endEditing()
        try result.get()
    }

    private func talk(as me: isolated Me) async throws {
        connect(for: me)
        timeLimit?.tell { [me] in me.send(.late) }
        var progress = Progress()
        while !progress.isOver {
            if let input = await next(for: me, progress.silence) {
                try await take(input, as: me, &progress)
            } else {
                // Silence; or the mailbox is closed, which nobody here does.
                guard progress.closing == nil else { return }
                try await close(.allIsSaid, &progress)
            }
        }
    }

    private func next(for me: isolated Me, _ silence: Duration?) async -> Input? {
        if let silence { await me.receive(timeout: silence) } else { await me.receive() }
    }

    private func take(_ input: Input, as me: isolated Me, _ progress: inout Progress) async throws {
        switch input {
        case .handshake(let step): try await tellOf(step)
        case .connected(let connection):
            try await connection.subscribe(me, active: .once) { .socket($0) }
            try await begin(connection, as: me, &progress)
        case .failed(let error): throw try await told(error, progress)
        case .socket(.frame(let connection, let frame)): try await show(frame, of: connection)
        case .socket(.closed(_, let close)):
            try await end(with: close, &progress)
        case .socket(.failed(_, let error)): throw try await told(error, progress)
        case .client(let event): try await take(event, as: me, &progress)
        case .inputEnded:
            if progress.closing == nil, case .silence(let settling) = parting { progress.silence = settling }
        case .stayed: try await close(.allIsSaid, &progress)
        case .late:
            // The server is told; nobody waits for what it does.
            try? await progress.connection?.beginClose(code: .normal)
            await progress.connection?.drop()
            throw timeLimit?.takeFailure() ?? CommandFailure("the time is over", exitCode: 124)
        case .signal(let number): try await close(.signal(number), &progress)
        }
    }

    private func take(
        _ event: ReconnectingWebSocket.Event, as me: isolated Me, _ progress: inout Progress
    ) async throws {
        switch event {
        case .up(let connection):
            try await begin(connection, as: me, &progress)
            await uplink.up(connection)
        case .frame(let connection, let frame): try await show(frame, of: connection)
        case .down(let error, _) where progress.closing != nil: try await ended(by: error, &progress)
        case .down(let error, let delay):
            progress.connection = nil
            try await tell(.down(error, retryIn: delay))
        case .stopped(let reason) where progress.closing != nil && reason.error is WebSocketError:
            if let error = reason.error as? WebSocketError { try await ended(by: error, &progress) }
        case .stopped(let reason) where reason.error != nil: throw try await told(reason.error ?? reason, progress)
        case .stopped(let reason): throw CommandFailure("the client ended: \(reason)")
        }
    }

    private func begin(_ connection: WebSocket, as me: isolated Me, _ progress: inout Progress) async throws {
        progress.connection = connection
        try await tell(
            .connected(
                .init(
                    url: url, isAgain: progress.hasBegun, address: connection.peerAddress.map { "\($0)" },
                    subprotocol: connection.subprotocol,
                    tls: connection.tls)))
        if progress.hasBegun { return }
        progress.hasBegun = true
        let source = try await source()
        sendInput(source, to: connection, for: me)
        sendSignal(to: me)
    }

    private func show(_ frame: WebSocket.Frame, of connection: WebSocket) async throws {
        if frame != .pong(Conversation.lastPing) { try await tell(.received(frame)) }
        // At the end this fails, and the event that tells of it is on its way.
        try? await connection.setActive(.once)
    }

    /// What is said to whom types, and a console if somebody does.
    private func source() async throws(CommandFailure) -> MessageSource {
        if let script { return .script(script) }
        if StandardInput.isTerminal {
            try await print([
                printer.remark("connected; lines are sent as \(form.isBinary ? "bytes" : "text"), ^D ends")
            ])
        }
        let console = console
        let isEditing = try await blockingInAnyCase { () throws(CommandFailure) in try console.beginEditing() }
        return isEditing ? .console(console, form) : .lines(StandardInput(separator: form.separator), form)
    }
}

// MARK: - The end

extension Conversation {
    /// Begins to close. The end of the connection, which is awaited like anything else, is then the end of the
    /// conversation.
    private func close(_ reason: Closing, _ progress: inout Progress) async throws {
        progress.silence = nil
        if progress.closing != nil { return }
        progress.closing = reason
        // Between two connections there is nothing to close.
        guard let connection = progress.connection else { return try over(&progress) }
        // If it has ended by itself, the event that tells so is on its way.
        if connection.isClosed { return }
        let code =
            switch reason {
            case .allIsSaid: CloseCode.normal
            case .signal: CloseCode.goingAway
            }
        try await tell(.closing(WebSocket.Close(code: code)))
        try? await connection.beginClose(code: code)
    }

    /// Both sides have said that it is over. The end of TCP is not awaited: some servers leave it to their peers.
    private func end(with close: WebSocket.Close, _ progress: inout Progress) async throws {
        console.endEditing()
        try await tell(.closed(close))
        // What is still to be written goes out first.
        await progress.connection?.drop()
        try over(&progress)
        guard close.isOrderly else { throw CommandFailure("the connection was closed with \(close)") }
    }

    /// The connection that we close is over, and the client that reconnects says how.
    private func ended(by error: WebSocketError, _ progress: inout Progress) async throws {
        guard error.code == .closed, let close = error.close else { throw try await told(error, progress) }
        try await end(with: close, &progress)
    }

    private func over(_ progress: inout Progress) throws {
        progress.isOver = true
        if case .signal(let number) = progress.closing { throw ExitCode(128 + number) }
    }

    /// Tells of an error, and returns what the command ends with.
    private func told(_ error: any Error, _ progress: Progress) async throws -> any Error {
        console.endEditing()
        if case .signal(let number) = progress.closing { return ExitCode(128 + number) }
        guard let error = error as? WebSocketError else { return error }
        try await tell(.failed(error))
        return CommandFailure(EventPrinter.message(of: error, withBody: !printer.isVerbose))
    }
}

// MARK: - Printing

extension Conversation {
    func tell(_ event: ConversationEvent) async throws(CommandFailure) {
        try await print(printer.lines(for: event, at: Timestamp.now))
    }

    private func tellOf(_ step: HandshakeStep) async throws(CommandFailure) {
        switch step {
        case .request(let bytes, let address, let tls):
            try await tell(.request(bytes, to: address.map { "\($0)" }, tls: tls))
        case .answer(let bytes): try await tell(.answer(bytes))
        }
    }

    /// Prints where it blocks no scheduler: a terminal may be stopped.
    private func print(_ lines: [Console.Line]) async throws(CommandFailure) {
        if lines.isEmpty { return }
        let console = console
        try await blockingInAnyCase { () throws(CommandFailure) in try console.print(lines) }
    }
}

/// What feeds the mailbox.
extension Conversation {
    /// What the ping after the last message carries: its pong is nobody's business.
    static let lastPing = Array("all is said".utf8)

    /// Begins to connect, as the process, so that the connection ends with it.
    func connect(for me: isolated Me) {
        var options = options
        if printer.isVerbose { options.onHandshake = { [me] in me.send(.handshake($0)) } }
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

/// What happens in a conversation that somebody may want to see.
enum ConversationEvent: Sendable {
    /// The request of the opening handshake is about to be sent.
    case request([UInt8], to: String?, tls: TLSDetails?)
    /// The head of the answer.
    case answer([UInt8])
    case connected(Connected)
    case sent(WebSocket.Message)
    case received(WebSocket.Frame)
    /// We close the connection.
    case closing(WebSocket.Close)
    /// The connection was closed with a close handshake.
    case closed(WebSocket.Close)
    /// There is no connection, or no more.
    case failed(WebSocketError)

    /// There is no connection, or no more, and another will be tried.
    case down(WebSocketError, retryIn: Duration)

    /// A connection as it begins.
    struct Connected: Sendable {
        let url: String
        /// Not for the first time.
        var isAgain = false
        var address: String?
        var subprotocol: String?
        var tls: TLSDetails?
    }
}

/// Which connection messages go over, where one may follow another.
actor Uplink {
    private var connection: WebSocket?
    private var waiting: CheckedContinuation<WebSocket, Never>?

    /// There is a connection, in place of any other.
    func up(_ new: WebSocket) {
        connection = new
        waiting?.resume(returning: new)
        waiting = nil
    }

    /// Waits for a connection other than one that has failed. One task may wait.
    func next(after failed: WebSocket) async -> WebSocket {
        if let connection, connection !== failed { return connection }
        return await withCheckedContinuation { waiting = $0 }
    }
}
