internal import DequeModule

/// A process that serves: it is called, is sent casts and other messages, and handles one after the other.
/// (OTP: `gen_server`.)
///
///     struct Counter: Server {
///         enum Call: Sendable { case add(Int, Reply<Int>) }
///         var total = 0
///
///         mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
///             switch call {
///             case .add(let n, let reply):
///                 total += n
///                 reply(total)
///             }
///             return .receive
///         }
///     }
///
///     let counter = try await Counter().started()
///     let total = try await counter.call { .add(5, $0) }
///
/// The value that conforms is the state, and each handler may change it. No handler is entered while another awaits,
/// and each says what comes next. One that throws ends the process with that error.
///
/// The state belongs to its process alone. It need not be `Sendable`, and may be a class: then `started { … }` makes it
/// on the process.
public protocol Server: SendableMetatype {
    /// Requests that are answered: each case carries the `Reply` that answers it.
    associatedtype Call: Sendable = Never
    /// Requests that are not answered.
    associatedtype Cast: Sendable = Never
    /// Everything else: downs, trapped exits, timers, socket events.
    associatedtype Info: Sendable = Never
    /// What it goes on with before it takes a message: `.continue(with: .load)`. Default: nothing.
    associatedtype Continuation: Sendable = Never

    /// Called first; whoever starts the server waits for it. If it throws, the start fails with that error and nothing
    /// else is called. (OTP: `init/1`.)
    mutating func start(_ me: isolated Me) async throws -> Next

    /// Serves a request, and answers it by the `Reply` that it carries, now or later. (OTP: `handle_call/3`.)
    mutating func handle(call: Call, _ me: isolated Me) async throws -> Next

    /// Serves a request that nobody waits for. (OTP: `handle_cast/2`.)
    mutating func handle(cast: Cast, _ me: isolated Me) async throws -> Next

    /// Heeds what else has come. (OTP: `handle_info/2`.)
    mutating func handle(info: Info, _ me: isolated Me) async throws -> Next

    /// Does what `.continue(with:)` asked for, before any message that waits. (OTP: `handle_continue/2`.)
    mutating func handle(continuation: Continuation, _ me: isolated Me) async throws -> Next

    /// Nothing came within the time that `.receive(timeout:)` gave.
    mutating func handleTimeout(_ me: isolated Me) async throws -> Next

    /// Called last, on every end but `.kill`, also when exits are not trapped. It has 5 s, or what the supervisor gives
    /// it; then the process is marked dead.
    mutating func terminate(_ reason: ExitReason, _ me: isolated Me) async

    /// Its state as text: for `state(timeout:)`, and for the report when it crashes, which is logged. Default: what
    /// `"\(self)"` gives. (OTP: `format_status/1`.)
    ///
    /// Leave out what nobody may read there: `var stateDescription: String { "\(accounts.count) accounts" }`. It is
    /// asked on the process's thread, and must not block.
    var stateDescription: String { get }

    /// A call as text: for traces, and for the report of a crash. Default: what `"\(call)"` gives. The same goes for
    /// casts, infos and continuations.
    static func description(ofCall call: Call) -> String

    /// A cast as text.
    static func description(ofCast cast: Cast) -> String

    /// Any other message as text.
    static func description(ofInfo info: Info) -> String

    /// What the server goes on with, as text.
    static func description(ofContinuation continuation: Continuation) -> String
}

/// What a server does next.
public enum ServerNext<S: Server>: Sendable {
    /// Waits for a message, as long as it takes.
    case receive
    /// Waits for a message so long; then `handleTimeout`.
    case receiveWithin(Duration)
    /// Hands this to `handle(continuation:_:)` first, before any message.
    case `continue`(with: S.Continuation)
    /// Ends for this reason.
    case stop(ExitReason)

    /// Waits for a message at most `timeout`; then `handleTimeout`.
    public static func receive(timeout: Duration) -> ServerNext { .receiveWithin(timeout) }
}

extension ServerNext where S.Continuation == Void {
    /// Calls `handle(continuation:_:)` first, before any message; what is to be done there, the state says.
    public static var `continue`: ServerNext { .continue(with: ()) }
}

/// What arrives at a server.
public enum ServerMessage<S: Server>: Sendable {
    /// A request that is answered.
    case call(S.Call)
    /// A request that is not.
    case cast(S.Cast)
    /// Everything else.
    case info(S.Info)
    /// A request that has brought task-locals of its caller's along.
    indirect case within(CallContext, ServerMessage)
}

extension Server {
    /// The process that serves: for monitors, links, timers.
    public typealias Me = Process<ServerMessage<Self>>
    /// What comes next.
    public typealias Next = ServerNext<Self>

    /// Starts at once and waits for the first message, for servers that have nothing to prepare.
    public mutating func start(_ me: isolated Me) async throws -> Next { .receive }
    /// Does nothing and waits for a message, now without a timeout.
    public mutating func handleTimeout(_ me: isolated Me) async throws -> Next { .receive }
    /// Does nothing, for servers that leave nothing behind.
    public mutating func terminate(_ reason: ExitReason, _ me: isolated Me) async {}

    /// What `"\(self)"` gives.
    public var stateDescription: String { "\(self)" }
    /// What `"\(call)"` gives.
    public static func description(ofCall call: Call) -> String { "\(call)" }
    /// What `"\(cast)"` gives.
    public static func description(ofCast cast: Cast) -> String { "\(cast)" }
    /// What `"\(info)"` gives.
    public static func description(ofInfo info: Info) -> String { "\(info)" }
    /// What `"\(continuation)"` gives.
    public static func description(ofContinuation continuation: Continuation) -> String { "\(continuation)" }
}

extension Server where Call == Never {
    /// Stands in for the handler of a server without calls; it is never called.
    public mutating func handle(call: Never, _ me: isolated Me) async throws -> Next {}
}

extension Server where Cast == Never {
    /// Stands in for the handler of a server without casts; it is never called.
    public mutating func handle(cast: Never, _ me: isolated Me) async throws -> Next {}
}

extension Server where Info == Never {
    /// Stands in for the handler of a server without other messages; it is never called.
    public mutating func handle(info: Never, _ me: isolated Me) async throws -> Next {}
}

extension Server where Continuation == Never {
    /// Stands in for the handler of a server that goes on with nothing; it is never called.
    public mutating func handle(continuation: Never, _ me: isolated Me) async throws -> Next {}
}

extension Server {
    /// What the process of a server does, from `start` to `terminate`.
    @inlinable
    mutating func serve(_ me: isolated Me, _ ready: Reply<Void>) async throws {
        me.servesRequests = true
        var next: Next
        do {
            next = try await start(me)
        } catch {
            ready.failAtEnd(error)
            me.core.failsToStart(error)
            throw error
        }
        // One that was asked to end meanwhile has not started: who waits hears of its end.
        if me.core.exitReason == nil { ready() }
        let reason: ExitReason
        do {
            while !next.isStop { next = try await step(me, next) }
            reason = next.stopReason
        } catch {
            reason = ExitReason(thrown: error)
        }
        try await finish(me, me.core.exitReason ?? reason)
    }

    /// One message, or what was to be done before it.
    @inlinable
    mutating func step(_ me: isolated Me, _ next: Next) async throws -> Next {
        switch next {
        case .receive: try await handle(await me.receiveInput(timeout: nil), me, next)
        case .receiveWithin(let timeout): try await handle(await me.receiveInput(timeout: timeout), me, next)
        case .continue(let continuation): try await goOn(with: continuation, me)
        case .stop: next
        }
    }

    /// It may ask for this again and again, and take no message between.
    @inlinable
    mutating func goOn(with continuation: Continuation, _ me: isolated Me) async throws -> Next {
        await me.core.scheduler.giveWayIfSpent(me.core)
        guard me.isOpen else { return .stop(me.core.exitReason ?? .normal) }
        if !me.isPlain { Self.trace(continuation, me) }
        let next: Next
        do {
            next = try await handle(continuation: continuation, me)
        } catch {
            Self.noteFailure(of: continuation, ExitReason(thrown: error), me)
            throw error
        }
        if next.isStop { Self.noteFailure(of: continuation, next.stopReason, me) }
        return next
    }

    @inlinable
    mutating func handle(_ input: Me.Input, _ me: isolated Me, _ current: Next) async throws -> Next {
        if case .message(.within(let context, let message)) = input {
            var next = current
            try await context.bind(me) { next = try await handle(.message(message), me, current) }
            return next
        }
        let next: Next
        do {
            switch input {
            case .message(.call(let call)): next = try await handle(call: call, me)
            case .message(.cast(let cast)): next = try await handle(cast: cast, me)
            case .message(.info(let info)): next = try await handle(info: info, me)
            case .timeout: next = try await handleTimeout(me)
            case .message(.within), .request, .end: return answer(input, me, current)
            }
        } catch {
            // What it was handling is still here: to keep it for this costs the others nothing.
            Self.noteFailure(of: input, ExitReason(thrown: error), me)
            throw error
        }
        if next.isStop { Self.noteFailure(of: input, next.stopReason, me) }
        return next
    }

    @usableFromInline
    mutating func answer(_ input: Me.Input, _ me: isolated Me, _ current: Next) -> Next {
        switch input {
        case .message, .timeout: return current
        case .end: return .stop(me.core.exitReason ?? .normal)
        case .request(.stop(let reason, let grace)):
            me.core.limitGrace(to: grace)
            return .stop(reason)
        case .request(.state(let answer)):
            answer(stateDescription)
            return current
        case .request(.change(let change)):
            change.make(in: &self)
            return current
        }
    }

    /// A handler has failed, or says that the server is to end.
    @usableFromInline
    static func noteFailure(of input: Me.Input, _ reason: ExitReason, _ me: isolated Me) {
        switch input {
        case .message(let message): me.noteHandling(reason) { "\(message)" }
        case .timeout: me.noteHandling(reason) { "timeout" }
        case .request, .end: break
        }
    }

    /// It goes on with something: so it has handled what it took before.
    @usableFromInline
    static func trace(_ continuation: Continuation, _ me: isolated Me) {
        me.traceHandled()
        me.trace(.continued, text: description(ofContinuation: continuation))
    }

    /// The same for what it was to go on with.
    @usableFromInline
    static func noteFailure(of continuation: Continuation, _ reason: ExitReason, _ me: isolated Me) {
        me.noteHandling(reason) { "continue(with: \(description(ofContinuation: continuation)))" }
    }

    @usableFromInline
    mutating func finish(_ me: isolated Me, _ reason: ExitReason) async throws {
        guard !me.core.machine.isDead else { return }
        // An exit signal, or who asked for the end, has set a limit already.
        if !me.core.isGraceSet { me.core.limitGrace(to: ProcessCore.defaultGrace) }
        me.core.beginEnd(reason)
        me.noteState(reason) { stateDescription }
        guard !me.core.machine.isDead else { return }
        if Task.isCancelled {
            // By the exit signal that it ends by, which is not to end what it does now.
            // Safety: the clean-up runs as the process too, while this waits.
            nonisolated(unsafe) let state = self
            await me.doUncancelled { me in
                var server = unsafe state
                await server.terminate(reason, me)
            }
        } else {
            // From here on nothing cancels it but a kill.
            await terminate(reason, me)
        }
        throw reason
    }
}

extension ServerNext {
    @inlinable var isStop: Bool { if case .stop = self { true } else { false } }
    @inlinable var stopReason: ExitReason { if case .stop(let reason) = self { reason } else { .normal } }
}

extension Process {
    /// What a server waits for.
    @usableFromInline
    enum Input {
        case message(Message)
        case request(SystemRequest)
        case timeout
        case end
    }

    /// Takes the next message or request, waiting at most `timeout`.
    @inlinable
    @inline(__always)
    func receiveInput(timeout: Duration?) async -> Input {
        if let message = takeNext() { return .message(message) }
        if timeout == nil, beginsToWait() {
            await core.scheduler.gatekeeper.stop()
            isReceiving = false
            if let message = takeNext() { return .message(message) }
        }
        return await receiveInputSpecially(timeout: timeout)
    }

    @usableFromInline
    func receiveInputSpecially(timeout: Duration?) async -> Input {
        defer { endPatience() }
        if special?.traced != nil { traceHandled() }
        while true {
            if let request = takeRequest() { return .request(request) }
            switch takeSpecially() {
            case .message(let message): return .message(message)
            case .end: return .end
            case .nothing: break
            }
            // A timeout counts as a message: one of zero may come again and again.
            if core.scheduler.isBudgetSpent || timeout == .zero && !core.scheduler.mayTake(core) {
                await core.scheduler.giveWay()
                continue
            }
            if let timeout {
                let isOver = special?.isPatienceOver == true || timeout == .zero
                if isOver && special?.isSuspended != true {
                    trace(.timedOut, text: "timeout")
                    return isOpen ? .timeout : .end
                }
                if !isOver { bePatient(timeout) }
                special?.isIdle = true
            }
            guard await awaitDelivery() else { return .end }
        }
    }

    /// Puts a question to the process, which it answers between two messages; one that cannot, or has ended, says
    /// `nil`.
    nonisolated func request(_ request: SystemRequest) {
        core.scheduler.run { [self] in
            onOwnThread { me in
                guard me.isOpen, me.servesRequests else { return request.answerNothing() }
                me.take(request)
            }
        }
    }

    /// A question has come, or the wish that it ends.
    func take(_ request: SystemRequest) {
        // The end keeps its place among the messages; a question is answered as soon as may be.
        let place = if case .stop = request { queue.end } else { queue.head }
        makeSpecial().systemRequests.append((place, request))
        updatePlainness()
        resumeReceiver()
    }

    /// The first request whose turn has come.
    private func takeRequest() -> SystemRequest? {
        // While it is suspended no message is, so nothing is before them. (OTP: the loop of a suspended process.)
        guard let special,
            let index = special.systemRequests.firstIndex(where: { $0.place <= queue.head || special.isSuspended })
        else {
            return nil
        }
        defer { updatePlainness() }
        return special.systemRequests.remove(at: index).request
    }

    /// Starts the process, linked to `parent` if there is one, which ends it at once if it has ended. From any thread.
    nonisolated func begin(linkedTo parent: ProcessCore?, _ label: String?, _ body: @escaping Body) {
        prepare(label, body)
        let number = parent.flatMap { $0.scheduler.isCurrent ? $0.linkBegun(to: core) : nil }
        let link = { @Sendable [core] in
            guard let parent else { return }
            if let number { core.linkArrived(from: parent, number) } else { core.link(to: parent) }
        }
        guard core.scheduler.isCurrent else { return launchElsewhere(link) }
        link()
        start()
    }
}
