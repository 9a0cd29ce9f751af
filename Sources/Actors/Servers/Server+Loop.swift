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
        case .continue: me.isOpen ? try await handleContinue(me) : .stop(me.core.exitReason ?? .normal)
        case .stop: next
        }
    }

    @inlinable
    mutating func handle(_ input: Me.Input, _ me: isolated Me, _ current: Next) async throws -> Next {
        switch input {
        case .message(.call(let call)): return try await handle(call: call, me)
        case .message(.cast(let cast)): return try await handle(cast: cast, me)
        case .message(.info(let info)): return try await handle(info: info, me)
        case .timeout: return try await handleTimeout(me)
        case .end: return .stop(me.core.exitReason ?? .normal)
        case .request(.stop(let reason, let grace)):
            me.core.limitGrace(to: grace)
            return .stop(reason)
        case .request(.state(let answer)):
            answer("\(self)")
            return current
        }
    }

    @usableFromInline
    mutating func finish(_ me: isolated Me, _ reason: ExitReason) async throws {
        guard !me.core.machine.isDead else { return }
        // An exit signal, or who asked for the end, has set a limit already.
        if !me.core.isGraceSet { me.core.limitGrace(to: ProcessCore.defaultGrace) }
        me.core.machine.beginEnd(reason)
        await terminate(reason, me)
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
    func receiveInput(timeout: Duration?) async -> Input {
        if let message = takeNext() { return .message(message) }
        return await receiveInputLater(timeout: timeout)
    }

    /// Waits for a message, if none is there and nothing else is to be done.
    @inlinable
    func receiveInputLater(timeout: Duration?) async -> Input {
        if timeout == nil && isPlain {
            beginWaiting()
            await core.pass(on: core.scheduler)
            if let message = takeNext() { return .message(message) }
        }
        return await receiveInputSpecially(timeout: timeout)
    }

    @usableFromInline
    func receiveInputSpecially(timeout: Duration?) async -> Input {
        defer { endPatience() }
        while true {
            if let request = takeRequest() { return .request(request) }
            switch takeSpecially() {
            case .message(let message): return .message(message)
            case .end: return .end
            case .nothing: break
            }
            if let timeout {
                let isOver = special?.isPatienceOver == true || timeout == .zero
                if isOver && special?.isSuspended != true { return .timeout }
                if !isOver { bePatient(timeout) }
            }
            beginWaiting()
            await core.pass(on: core.scheduler)
        }
    }

    /// Puts a question to the process, which it answers between two messages; one that cannot, or has ended, says `nil`.
    nonisolated func ask(_ request: SystemRequest) {
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
        guard let special, let index = special.systemRequests.firstIndex(where: { $0.place <= queue.head }) else {
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
        onOwnThread { $0.start() }
    }
}
