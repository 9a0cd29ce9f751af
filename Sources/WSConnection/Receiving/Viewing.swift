internal import Actors
internal import HansomTransport
public import WSProtocol

/// Synchronous handlers: one gets each message as its own, the other sees it where it lies.
extension WebSocket {
    /// A whole message where it lies, for the time of one call.
    public typealias MessageView = WSProtocol.MessageView

    /// Runs as the connection for each message, without suspending, and sees it where it lies.
    ///
    /// The view is of no use after the call, and the compiler lets nobody keep it. What is to be kept is copied:
    /// `WebSocket.Message(copying: message)`, `String(copying: utf8)`.
    public typealias MessageViewHandler = @Sendable (isolated WebSocket, MessageView) throws -> Void

    /// Who is called for each message.
    enum SynchronousHandler {
        case messages(MessageHandler)
        case views(MessageViewHandler)
    }

    /// Calls `handler` for each message from now on. For a connection whose reads have not begun.
    package func setMessageHandler(_ handler: @escaping MessageHandler) { messageHandler = .messages(handler) }

    /// Shows `handler` each message from now on. For a connection whose reads have not begun.
    package func setMessageViewHandler(_ handler: @escaping MessageViewHandler) { messageHandler = .views(handler) }

    /// Decodes as `decode` does, and shows each message.
    ///
    /// While the handler runs nobody writes to the memory of the window: it is the scheduler's message buffer, into which
    /// only the loop reads, or a backlog that has been taken out of the connection.
    func decode(_ window: inout InputWindow, showingTo handler: MessageViewHandler) {
        while !window.isEmpty, takesNext() {
            if let message = machine.takeMessageInPlace(&window) {
                do {
                    try message.show { try handler(self, $0) }
                } catch {
                    handlerFailed(error)
                }
                continue
            }
            switch machine.nextToShow(&window) {
            case .message(let message)?: show(message, to: handler)
            case .event(let event)?: handle(event)
            case nil: break
            }
        }
    }

    /// Shows a message that was put together. The machine has it meanwhile, so that sending it back needs no copy.
    private func show(_ message: AssembledMessage, to handler: MessageViewHandler) {
        machine.shown = message.bytes
        defer { machine.shown = [] }
        do {
            try message.show { try handler(self, $0) }
        } catch {
            handlerFailed(error)
        }
    }

    func call(_ handler: SynchronousHandler, with message: Message) {
        do {
            switch handler {
            case .messages(let handler): try handler(self, message)
            case .views(let handler):
                // None comes this way: `decode(_:showingTo:)` shows them.
                try AssembledMessage(message).show { try handler(self, $0) }
            }
        } catch {
            handlerFailed(error)
        }
    }
}

extension WebSocket {
    /// Sends a copy of a message that is only shown, if that needs no waiting: it is copied straight into what waits to
    /// be written.
    @discardableResult
    public func trySend(_ message: MessageView) -> SendOutcome {
        guard end.isOpen else { return .closed }
        guard isSendable else { return .full }
        do throws(WebSocketError) {
            _ = try put { machine throws(ProtocolMisuse) in try machine.send(copying: message) }
            return .sent
        } catch {
            return .closed
        }
    }
}

extension WebSocket.Message {
    /// A copy of a message that is only shown.
    public init(copying message: WebSocket.MessageView) {
        switch MessagePayload(copying: message) {
        case .text(let text): self = .text(text)
        case .binary(let bytes): self = .binary(bytes)
        }
    }
}

extension AssembledMessage {
    fileprivate init(_ message: WebSocket.Message) {
        switch message {
        case .text(let text): self.init(bytes: Array(text.utf8), isText: true)
        case .binary(let bytes): self.init(bytes: bytes, isText: false)
        }
    }
}
