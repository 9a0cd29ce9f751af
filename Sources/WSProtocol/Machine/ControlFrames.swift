extension ProtocolMachine {
    /// A control frame is complete (RFC 6455 section 5.5).
    mutating func endControlFrame(_ opcode: Opcode) -> ProtocolEvent? {
        let payload = controlPayload
        controlPayload = []
        switch opcode {
        case .ping:
            if state == .open { answer(ping: payload) }
            return .ping(payload)
        case .pong:
            return .pong(payload)
        default:
            return endCloseFrame(payload)
        }
    }

    /// The peer's close frame (RFC 6455 section 5.5.1).
    private mutating func endCloseFrame(_ payload: [UInt8]) -> ProtocolEvent? {
        guard payload.count != 1 else { return fail(.closeBodyOfOneByte) }
        var close = CloseFrame(code: .noStatus)
        if payload.count >= 2 {
            close.code = CloseCode(rawValue: UInt16(payload[0]) << 8 | UInt16(payload[1]))
            guard close.code.canBeReceived else { return fail(.forbiddenCloseCode(close.code)) }
            guard let reason = String(validating: payload[2...], as: UTF8.self) else { return fail(.reasonNotUTF8) }
            close.reason = reason
        }
        return end(close)
    }

    /// The peer closes: "the endpoint typically echos the status code it received" (RFC 6455 section 5.5.1), or nothing
    /// where it received nothing.
    ///
    /// - Returns: `nil` while the end is held back.
    mutating func end(_ close: CloseFrame) -> ProtocolEvent? {
        if holdsEnd {
            heldEnd = .close(close)
            return nil
        }
        if state == .open { appendClose(close.code == .noStatus ? [] : Self.closePayload(close.code, reason: "")) }
        state = .closed
        endMessages()
        return .close(close)
    }

    /// Ends the connection with the close code for what the peer did, unless our close frame has gone already.
    ///
    /// - Returns: `nil` while the end is held back.
    @inline(never)
    mutating func fail(_ kind: ProtocolFailure.Kind) -> ProtocolEvent? {
        if holdsEnd {
            heldEnd = .failure(kind)
            return nil
        }
        let failure = ProtocolFailure(kind)
        if state == .open {
            appendClose(Self.closePayload(failure.code, reason: failure.description))
        }
        state = .failed
        frame = nil
        endMessages()
        controlPayload = []
        return .failure(failure)
    }

    /// No message begins or goes on any more.
    private mutating func endMessages() {
        assembler = MessageAssembler()
        compression?.release()
    }

    static func closePayload(_ code: CloseCode, reason: String) -> [UInt8] {
        [UInt8(code.rawValue >> 8), UInt8(code.rawValue & 0xFF)] + reason.utf8
    }

    /// Queues a close frame, behind a pong that is still owed.
    mutating func appendClose(_ payload: [UInt8]) {
        appendPendingPong()
        appendFrame(.close, isFinal: true, payload)
    }
}

// MARK: - Pongs

extension ProtocolMachine {
    /// With more than this waiting to go out, pings are answered by one pong for the newest.
    static var pongBound: Int { 4096 }

    /// Answers a ping at once, or remembers it while too much waits: "if an endpoint receives a Ping frame and has not
    /// yet sent Pong frame(s) in response to previous Ping frame(s), the endpoint MAY elect to send a Pong frame for
    /// only the most recently processed Ping frame" (RFC 6455 section 5.5.3). So a flood of pings costs bounded memory.
    private mutating func answer(ping payload: [UInt8]) {
        preparePendingOutput()
        if output.count > Self.pongBound {
            pendingPong = payload
        } else {
            appendFrame(.pong, isFinal: true, payload)
        }
    }

    /// Queues the pong that is still owed, once the output has drained. To be called before each flush.
    package mutating func preparePendingOutput() {
        if pendingPong != nil, output.count <= Self.pongBound { appendPendingPong() }
    }

    private mutating func appendPendingPong() {
        guard let payload = pendingPong else { return }
        pendingPong = nil
        appendFrame(.pong, isFinal: true, payload)
    }
}
