internal import Actors
internal import HansomTransport
internal import WSProtocol

/// From the socket to the application: the read loop.
extension WebSocket: StreamObserver {
    package nonisolated func streamIsReadable() { onOwnThread { $0.read() } }

    /// Begins to read; `leftover` arrived together with the handshake.
    package func begin(leftover: [UInt8] = []) {
        core.enlist(self)
        stream?.observer = self
        deadlines.begin(at: scheduler.time.nanoseconds, options.timing)
        var leftover = leftover
        unsafe leftover.withUnsafeMutableBytes { if unsafe !$0.isEmpty { unsafe receive($0) } }
        stream?.setWantsRead(true)
        keepDeadlines()
    }

    /// Acts on an end that was held back, when those who were to answer what came in front of it have had this turn.
    func endHeldBack() {
        guard !end.isReleased, let event = machine.takeHeldEnd() else { return }
        handle(event)
    }

    /// One read a turn: what one connection may take of its scheduler before the others have theirs.
    func read() {
        guard let stream else { return }
        if counted.steps != 0 && !isHeldUp { waitForRoomIfFull() }
        if share.isUsedUp && end.isListening && !isStopped {
            // What has come already and had to wait for this turn goes first; the rest is there for the next.
            deadlines.heard(at: scheduler.timeOfTurn)
            return refill()
        }
        if (!backlog.isEmpty || isStopped) && end.isListening {
            isReadPaused = true
            return stream.setWantsRead(false)
        }
        let buffer = unsafe resources.messageBuffer
        switch unsafe stream.read(into: buffer) {
        case .bytes(let count):
            if end.isDeaf { return }
            deadlines.heard(at: scheduler.timeOfTurn)
            unsafe receive(UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
        case .wouldBlock: return
        case .endOfStream: inputEnded(nil)
        case .failed(let error): inputEnded(error)
        }
    }

    /// Decodes as far as there is room for what comes out, and keeps the rest.
    private func receive(_ bytes: UnsafeMutableRawBufferPointer) {
        if !machine.isEndHeld { machine.holdsEnd = false }
        var window = unsafe InputWindow(bytes)
        decode(&window)
        if !window.isEmpty { unsafe backlog.keep(window.remaining) }
        account()
        if machine.isEndHeld { markDirty() }
        if options.timing.messageTimeout != Timing.never { followMessage() }
    }

    /// A message that has begun to arrive, be it by a part of its header only, has a deadline.
    private func followMessage() {
        deadlines.follow(isMidMessage: machine.isMidInput, number: machine.messagesInPieces, at: scheduler.timeOfTurn)
        keepDeadlines()
    }

    /// Decodes what there is room for, and what this turn has time for.
    private func decode(_ window: inout InputWindow) {
        if share.begins(in: scheduler.turnNumber) { machine.allowInflation(of: TurnShare.inflatedBytes) }
        if case .views(let handler)? = messageHandler { return decode(&window, showingTo: handler) }
        while !window.isEmpty, takesNext() {
            if let event = machine.nextEvent(&window) { handle(event) }
        }
    }

    /// Whether one more may be decoded now, which is counted; the rest comes when there is room, or in the next turn.
    @inline(__always)
    func takesNext() -> Bool {
        guard canTake else {
            share.isUsedUp = false
            return false
        }
        guard mayTakeMore else {
            decodeLater()
            return false
        }
        share.framesLeft &-= 1
        return true
    }

    /// Whether the connection has not had its share of the turn. What only has to be thrown away takes no time.
    private var mayTakeMore: Bool {
        if end.isDiscarding { return true }
        guard share.framesLeft > 0, machine.mayInflate else { return false }
        // A synchronous handler is called from here, and may take long.
        return share.framesLeft & 7 != 0 || messageHandler == nil || share.framesLeft == TurnShare.frames
            || !scheduler.hasTickedInPhase
    }

    private func decodeLater() {
        share.isUsedUp = true
        if share.isWaiting { return }
        share.isWaiting = true
        scheduler.runHereLater { [self] in onOwnThread { $0.nextTurnCame() } }
    }

    private func nextTurnCame() {
        share.isWaiting = false
        guard share.isUsedUp else { return tellReceivers() }
        // What descriptors have caused is deferred within their turn.
        guard share.begins(in: scheduler.turnNumber) else { return decodeLater() }
        machine.allowInflation(of: TurnShare.inflatedBytes)
        refill()
        tellReceivers()
    }

    private var canTake: Bool {
        if end.isDiscarding { return true }
        if isStopped && end.isListening { return false }
        if let streamed, !streamed.hasRoom(options.limits) { return false }
        // Its messages wait for nobody, but there must be room for what it answers.
        if messageHandler != nil { return machine.outputWeight <= options.limits.outboundHighWater }
        return inbound.hasRoom(options.limits)
    }

    /// A synchronous handler cannot wait for room, so its messages did: goes on when the peer has taken enough.
    func handlerMayGoOn() {
        guard messageHandler != nil, end.isListening, !share.isUsedUp, isReadPaused || !backlog.isEmpty,
            machine.outputWeight <= options.limits.outboundLowWater
        else { return }
        refill()
    }

    /// Goes on decoding when there is room again, and with reading when all is decoded.
    func refill() {
        if !backlog.isEmpty {
            let wasHeldUp = !share.isUsedUp
            var taken = Backlog()
            swap(&taken, &backlog)
            unsafe taken.withBytes { bytes in
                var window = unsafe InputWindow(bytes)
                decode(&window)
                return window.count
            }
            swap(&taken, &backlog)
            account()
            if machine.isEndHeld { markDirty() }
            if wasHeldUp {
                if backlog.isEmpty || share.isUsedUp { readsAgain() }
            } else if backlog.isEmpty {
                turnsWaitedFor()
            }
        }
        if backlog.isEmpty && isReadPaused && (!isStopped || !end.isListening) {
            isReadPaused = false
            stream?.setWantsRead(true)
        }
    }

    /// The backlog was there for want of turns, not of room: all the time we have listened.
    private func turnsWaitedFor() {
        share.isUsedUp = false
        if options.timing.messageTimeout != Timing.never { followMessage() } else { keepDeadlines() }
    }

    /// It is stopped no more.
    func resumeReading() {
        refill()
        readsAgain()
    }

    /// While there was a backlog, or it was stopped, the socket was not read: the peer's silence was ours.
    private func readsAgain() {
        deadlines.readsAgain(at: scheduler.time.nanoseconds)
        if options.timing.messageTimeout != Timing.never { followMessage() }
        keepDeadlines()
    }

    func handle(_ event: ProtocolEvent) {
        switch event {
        case .text(let text): deliver(.text(text))
        case .binary(let bytes): deliver(.binary(bytes))
        case .ping(let payload):
            markDirty()
            if !end.isDiscarding { deliverControl(.ping(payload)) }
        case .pong(let payload):
            if resolveKeepalive(payload) || resolvePings(payload) { return }
            if !end.isDiscarding { deliverControl(.pong(payload)) }
        case .close(let frame): peerClosed(Close(code: frame.code, reason: frame.reason))
        case .failure(let failure): violated(failure)
        case .fragment(let fragment): deliver(fragment)
        }
    }

    private func deliver(_ frame: Frame) {
        if let messageHandler, let message = frame.message { return call(messageHandler, with: message) }
        // Whoever gets it runs later in this turn; what it answers is to go out before an end that has come with it.
        machine.holdsEnd = true
        if let receiver = receivers.popFirst() { return resume(receiver, with: frame) }
        inbound.append(frame)
        if subscriber != nil { pumpEvents() }
    }

    private func deliverControl(_ frame: Frame) {
        if messageHandler != nil || options.receivesInPieces { return }
        if let receiver = receivers.popFirst(wanting: frame) { return resume(receiver, with: frame) }
        // A `recv` that waits passes it over: or the peer's keepalive would fill the memory of an idle connection.
        if !receivers.isEmpty { return }
        inbound.append(frame)
        if subscriber != nil { pumpEvents() }
    }
}

/// What one connection may take of its scheduler in a turn before the others have theirs: one read of 64 KiB, so many
/// messages, however small, and so many bytes of them, however well they were compressed. The rest waits in the
/// backlog.
struct TurnShare {
    /// Frames that reach the connection: messages, their fragments where they are streamed, pings and pongs.
    static let frames: Int16 = 256
    static let inflatedBytes = TransportResources.readSize

    private var turn: UInt32 = 0
    var framesLeft = TurnShare.frames
    /// Whether a backlog is there because the share was used up, not because there was no room.
    var isUsedUp = false
    /// Whether the next turn has been asked for.
    var isWaiting = false

    /// - Returns: whether this is another turn than the last one in which something was decoded.
    @inline(__always)
    mutating func begins(in turns: UInt64) -> Bool {
        let now = UInt32(truncatingIfNeeded: turns)
        if now == turn { return false }
        turn = now
        framesLeft = TurnShare.frames
        return true
    }
}
