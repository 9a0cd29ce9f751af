internal import Actors
internal import CHansomSystem

/// Passive mode: the application asks.
extension WebSocket {
    /// Takes the next message, waiting for one as long as the option `recvTimeout` says.
    ///
    /// Pings and pongs are passed over. Several calls at once are served first come, first served.
    ///
    /// - Returns: the message.
    /// - Throws: `.timeout` when none came in time, `.cancelled` when the task was cancelled (both lose nothing),
    ///   `.activeMode` while a subscriber is told, `.misuse` on a connection that receives in pieces, and once all that
    ///   arrived is read: `.closed` with code and reason, `.connectionLost`, or `.protocolViolation`, each time one
    ///   asks.
    public nonisolated(nonsending) func recv() async throws(WebSocketError) -> Message {
        if let message = messageAtOnce() { return message }
        return try await messageLater(options.recvPatience)
    }

    /// Takes the next message, waiting at most `timeout` for one; `nil` waits without end.
    ///
    /// - Throws: as `recv()`.
    public nonisolated(nonsending) func recv(timeout: Duration?) async throws(WebSocketError) -> Message {
        if let message = messageAtOnce() { return message }
        return try await messageLater(Patience(timeout))
    }

    /// Takes the next frame: a message, or a ping or pong. (The newest 16 of these wait.)
    ///
    /// - Parameter timeout: how long to wait; default: the option `recvTimeout`.
    /// - Throws: as `recv()`.
    public func recvFrame() async throws(WebSocketError) -> Frame {
        try await frameLater(options.recvPatience)
    }

    /// Takes the next frame, waiting at most `timeout` for one; `nil` waits without end.
    ///
    /// - Throws: as `recv()`.
    public func recvFrame(timeout: Duration?) async throws(WebSocketError) -> Frame {
        try await frameLater(Patience(timeout))
    }

    /// A message that has arrived, if the caller already is where the connection lives: no hop, no suspension. None
    /// when the job that asks has had its share: it asks again in `messageLater`.
    nonisolated func messageAtOnce() -> Message? {
        guard scheduler.isCurrent, scheduler.mayTake(core) else { return nil }
        return onOwnThread { $0.nextMessage() }
    }

    private func nextMessage() -> Message? {
        guard credits == 0 else { return nil }
        while true {
            if let message = inbound.popMessage() {
                accountTaken()
                if inbound.isEmpty { inboundDrained() }
                return message
            }
            inboundDrained()
            if inbound.isEmpty { return nil }
        }
    }

    private func nextFrame() -> Frame? {
        if inbound.isEmpty { refillIfNeeded() }
        guard let frame = inbound.popFirst() else { return nil }
        accountTaken()
        if inbound.isEmpty { inboundDrained() }
        return frame
    }

    /// All that was decoded has been taken: there is room for more, and a subscriber that waits for the end may hear
    /// it.
    private func inboundDrained() {
        refillIfNeeded()
        if end.isTold && subscriber != nil { pumpEvents() }
    }

    func refillIfNeeded() {
        if !backlog.isEmpty || isReadPaused { refill() }
    }

    // What follows is kept flat: what a waiting handler leaves on its task's stack is most of what an idle connection
    // holds.

    /// Waits for a message, when `messageAtOnce` has just given none.
    ///
    /// The connection's own handler waits without leaving the actor that it runs as, and without a cancellation handler:
    /// its cancellation is watched once for its whole life.
    nonisolated(nonsending) func messageLater(_ patience: Patience) async throws(WebSocketError) -> Message {
        guard scheduler.isCurrent, onOwnThread({ $0.isHandlerTask }) else { return try await messageOfOthers(patience) }
        if scheduler.isBudgetSpent {
            await scheduler.giveWay()
            if scheduler.isCurrent, let message = onOwnThread({ $0.nextMessage() }) { return message }
        }
        guard scheduler.isCurrent, onOwnThread(patience, { $0.waitsAtGate($1) }) else {
            return try await messageOfOthers(patience)
        }
        await scheduler.gatekeeper.stop()
        // A task that is no actor's now goes on elsewhere.
        guard scheduler.isCurrent else { return try await messageAtGate() }
        if let message = onOwnThread({ $0.takeFromGate()?.message }) { return message }
        throw onOwnThread { $0.takeGateError() }
    }

    private func messageAtGate() throws(WebSocketError) -> Message {
        if let message = takeFromGate()?.message { return message }
        throw takeGateError()
    }

    private func messageOfOthers(_ patience: Patience) async throws(WebSocketError) -> Message {
        if scheduler.isBudgetSpent { await scheduler.giveWay() }
        // The caller may have come from another thread, and only now be where it can look.
        if let message = nextMessage() { return message }
        if try mayWaitAtGate() {
            waitAtGate(patience, wantsFrames: false)
            await receiveGate.pass(on: scheduler)
            return try messageAtGate()
        }
        while true {
            if let message = try await waitElsewhere(patience, wantsFrames: false).get().message { return message }
        }
    }

    /// Begins to wait for a message at the gate, if the handler may and there is something to wait for. Who is told so
    /// stops at the gatekeeper at once.
    private func waitsAtGate(_ patience: Patience) -> Bool {
        guard credits == 0, !end.isTold || share.isUsedUp, !options.receivesInPieces, !isGateTaken, !Task.isCancelled
        else { return false }
        waitAtGate(patience, wantsFrames: false)
        receiveGate.leadNext(of: scheduler)
        return true
    }

    private func frameLater(_ patience: Patience) async throws(WebSocketError) -> Frame {
        await scheduler.giveWayIfSpent(core)
        if credits == 0, let frame = nextFrame() { return frame }
        if try mayWaitAtGate() {
            waitAtGate(patience, wantsFrames: true)
            await receiveGate.pass(on: scheduler)
            if let frame = takeFromGate() { return frame }
            throw takeGateError()
        }
        return try await waitElsewhere(patience, wantsFrames: true).get()
    }

    /// Whether the one who wants to wait is the handler and the gate is free; throws if there is nothing to wait for.
    private func mayWaitAtGate() throws(WebSocketError) -> Bool {
        if credits > 0 {
            throw WebSocketError(.activeMode, "frames go to the subscriber; setActive(.off) first")
        }
        if options.receivesInPieces {
            throw WebSocketError(.misuse, "the connection receives in pieces; take messages with recvStream")
        }
        if let endReached { throw endReached.error }
        // While our close is on its way nothing more comes, but how it ends is still to be told.
        guard isHandlerTask, !isGateTaken else { return false }
        if Task.isCancelled { throw .cancelled }
        return true
    }

    /// Whether the caller is the connection's own handler, whose cancellation is watched once for its whole life.
    var isHandlerTask: Bool {
        guard end.isHandlerRunning, let handlerIdentity = unsafe handlerIdentity else { return false }
        return unsafe swift_task_getCurrent() == handlerIdentity
    }

    private func waitAtGate(_ patience: Patience, wantsFrames: Bool) {
        isGateTaken = true
        addReceiver(receivers.nextID(), patience, wantsFrames, .handler)
    }

    /// Leaves the gate, with the frame that came; `nil`: none did, and `takeGateError` says why.
    private func takeFromGate() -> Frame? {
        isGateTaken = false
        return gateFrame.take()
    }

    private func takeGateError() -> WebSocketError { gateError.take()?.value ?? .cancelled }

    /// Waits for another task than the handler: the first at the gate, which costs no hop, and who comes while it is
    /// taken at a continuation.
    private func waitElsewhere(_ patience: Patience, wantsFrames: Bool) async -> Result<Frame, WebSocketError> {
        let id = receivers.nextID()
        return await withTaskCancellationHandler {
            if isGateTaken { return await waitAtContinuation(id, patience, wantsFrames) }
            if let result = Task.isCancelled ? .failure(.cancelled) : resultAtOnce(wantsFrames) { return result }
            isGateTaken = true
            addReceiver(id, patience, wantsFrames, .gate)
            await receiveGate.pass(on: scheduler)
            return takeFromGate().map { .success($0) } ?? .failure(takeGateError())
        } onCancel: {
            scheduler.runLater { [self] in onOwnThread { $0.cancelReceiver(id) } }
        }
    }

    private func waitAtContinuation(
        _ id: UInt64, _ patience: Patience, _ wantsFrames: Bool
    ) async -> Result<Frame, WebSocketError> {
        await unsafe withUnsafeContinuation { continuation in
            if let result = Task.isCancelled ? .failure(.cancelled) : resultAtOnce(wantsFrames) {
                return unsafe continuation.resume(returning: result)
            }
            unsafe addReceiver(id, patience, wantsFrames, .continuation(continuation))
        }
    }

    /// What a call gets that need not wait.
    ///
    /// A task that prefers another executor comes back to the connection in a new job at every call that could suspend.
    /// So this is asked again at the last moment: a frame may have come since, with nobody waiting to be resumed.
    private func resultAtOnce(_ wantsFrames: Bool) -> Result<Frame, WebSocketError>? {
        guard credits == 0 else {
            return .failure(WebSocketError(.activeMode, "frames go to the subscriber; setActive(.off) first"))
        }
        if wantsFrames {
            if let frame = nextFrame() { return .success(frame) }
        } else if let message = nextMessage() {
            return .success(Frame(message))
        }
        return endReached.map { .failure($0.error) }
    }

    private func addReceiver(_ id: UInt64, _ patience: Patience, _ wantsFrames: Bool, _ place: Receivers.Place) {
        let alarm = patience.timeout.map { armReceiver(id, $0) }
        receivers.append(Receivers.Waiter(id: id, wantsFrames: wantsFrames, alarm: alarm, place: place))
    }

    private func armReceiver(_ id: UInt64, _ timeout: Duration) -> Alarm {
        // Safety: the suspended call holds the connection until the alarm has rung or is disarmed.
        let alarm = Alarm { [unowned(unsafe) self] in unsafe onOwnThread { $0.receiverTimedOut(id, timeout) } }
        scheduler.arm(alarm, after: timeout)
        return alarm
    }

    func resume(_ receiver: Receivers.Waiter, with frame: consuming Frame) {
        if let alarm = receiver.alarm { scheduler.disarm(alarm) }
        switch receiver.place {
        case .continuation(let continuation): unsafe continuation.resume(returning: .success(frame))
        case .handler, .gate:
            gateFrame = frame
            receiveGate.open(on: scheduler)
        }
    }

    private func resume(_ receiver: Receivers.Waiter, throwing error: WebSocketError) {
        if let alarm = receiver.alarm { scheduler.disarm(alarm) }
        switch receiver.place {
        case .continuation(let continuation): unsafe continuation.resume(returning: .failure(error))
        case .handler, .gate:
            gateError = Boxed(error)
            receiveGate.open(on: scheduler)
        }
    }

    private func receiverTimedOut(_ id: UInt64, _ timeout: Duration) {
        guard let receiver = receivers.remove(id: id) else { return }
        resume(receiver, throwing: WebSocketError(.timeout, "nothing arrived within \(timeout)", phase: .receive))
    }

    private func cancelReceiver(_ id: UInt64) {
        if let receiver = receivers.remove(id: id) { resume(receiver, throwing: .cancelled) }
    }

    func cancelHandlerReceivers() {
        while let receiver = receivers.remove(where: { $0.isHandler }) { resume(receiver, throwing: .cancelled) }
    }

    func failReceivers(_ error: WebSocketError) {
        while let receiver = receivers.popFirst() { resume(receiver, throwing: error) }
    }
}

extension WebSocketError {
    static let cancelled = WebSocketError(.cancelled, "the task was cancelled")
}

/// How long a call waits, in one word: it lies on the stack of every handler that waits.
struct Patience: Sendable {
    private let nanoseconds: UInt64

    /// - Parameter timeout: `nil`: without end.
    init(_ timeout: Duration?) { nanoseconds = timeout.map(\.clampedNanoseconds) ?? .max }

    var timeout: Duration? { nanoseconds == .max ? nil : .nanoseconds(Int64(clamping: nanoseconds)) }
}

/// A connection is the sequence of its messages.
extension WebSocket: AsyncSequence {
    /// What `for try await` gives: whole messages, without pings and pongs.
    public typealias Element = Message
    /// What `for try await` throws; its `code` tells what happened.
    public typealias Failure = WebSocketError

    /// The messages from now on. Ends at an orderly close (1000, 1001, or without code); throws at any other end.
    public nonisolated func makeAsyncIterator() -> Iterator { Iterator(connection: self) }

    /// Takes one message of a connection after the other, as `recv()` does. Several may: each message goes to one of
    /// them.
    public struct Iterator: AsyncIteratorProtocol {
        let connection: WebSocket

        /// Takes the next message, waiting for one as long as the option `recvTimeout` says; `nil` after an orderly
        /// close (1000, 1001, or without code).
        ///
        /// - Throws: as `recv()`, but for that close.
        public mutating func next() async throws(WebSocketError) -> Message? {
            do {
                return try await connection.recv()
            } catch {
                if error.isOrderlyClose { return nil }
                throw error
            }
        }

        /// Takes the next message, as `next()` does. `for try await` calls this one; where that runs on the
        /// connection's scheduler, a message that has arrived is taken without suspending.
        ///
        /// - Throws: as `next()`.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(WebSocketError) -> Message? {
            if let message = connection.messageAtOnce() { return message }
            do {
                return try await connection.messageLater(connection.options.recvPatience)
            } catch {
                if error.isOrderlyClose { return nil }
                throw error
            }
        }
    }
}

extension WebSocketError {
    /// Whether it is the end that ends a `for` loop without an error.
    fileprivate var isOrderlyClose: Bool { code == .closed && close?.isOrderly ?? false }
}

/// The calls of `recv` and `recvFrame` that wait, first come, first served.
struct Receivers {
    /// Where a call waits, and so how it goes on.
    @safe enum Place {
        /// The connection's own handler, at the gate.
        case handler
        /// Another task, at the gate.
        case gate
        /// Another task, while the gate is taken.
        case continuation(UnsafeContinuation<Result<WebSocket.Frame, WebSocketError>, Never>)
    }

    @safe struct Waiter {
        let id: UInt64
        let wantsFrames: Bool
        let alarm: Alarm?
        let place: Place

        var isHandler: Bool { if case .handler = place { true } else { false } }
    }

    // Nearly always there is at most one.
    private var first: Waiter?
    private var others: [Waiter] = []

    private var lastID: UInt64 = 0

    var isEmpty: Bool { first == nil }

    /// By what a call that is to wait can be told from the others of this connection.
    mutating func nextID() -> UInt64 {
        lastID &+= 1
        return lastID
    }

    mutating func append(_ waiter: Waiter) {
        if first == nil { first = waiter } else { others.append(waiter) }
    }

    mutating func popFirst() -> Waiter? {
        let waiter = first
        if others.isEmpty { first = nil } else { first = others.removeFirst() }
        return waiter
    }

    /// Takes the first who wants such a frame.
    mutating func popFirst(wanting frame: WebSocket.Frame) -> Waiter? {
        if first == nil || !frame.isControl { return popFirst() }
        return remove { $0.wantsFrames }
    }

    mutating func remove(id: UInt64) -> Waiter? { remove { $0.id == id } }

    mutating func remove(where matches: (Waiter) -> Bool) -> Waiter? {
        if let waiter = first, matches(waiter) { return popFirst() }
        guard let index = others.firstIndex(where: matches) else { return nil }
        return others.remove(at: index)
    }
}
