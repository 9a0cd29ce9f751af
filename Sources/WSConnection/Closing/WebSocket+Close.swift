internal import Actors
internal import HansomTransport
internal import WSProtocol

/// The closing handshake (RFC 6455 section 7), from both sides.
extension WebSocket {
    /// Closes the connection, and returns when all of it is released.
    ///
    /// Sends the close frame, throws away what still arrives, and waits for the peer's close, at most as long as the
    /// option `closeTimeout` says. Closing twice is harmless. In a cancelled task it sends the frame and drops the
    /// connection at once.
    ///
    /// - Parameters:
    ///   - code: 1000 to 1003, 1007 to 1014, or 3000 to 4999; default 1000.
    ///   - reason: at most 123 bytes of UTF-8.
    /// - Throws: `.misuse` for another code or a longer reason; then nothing is sent.
    public func close(code: CloseCode = .normal, reason: String = "") async throws(WebSocketError) {
        try beginClose(code: code, reason: reason)
        guard phase != .released else { return }
        if Task.isCancelled { return drop() }
        await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { continuation in
                // The end may have come on the way here, as told at `resultAtOnce`.
                if phase == .released { return unsafe continuation.resume() }
                unsafe endWaiters.append(continuation)
            }
        } onCancel: {
            scheduler.runLater { [self] in onOwnThread { $0.drop() } }
        }
    }

    /// Begins to close, and does not wait for the end: what a synchronous handler can do.
    ///
    /// Sends the close frame. No further message reaches the application, and what is sent from now on throws
    /// `.closed`. The peer has `closeTimeout` to end the connection too. Does nothing once a close has begun.
    ///
    /// - Parameters:
    ///   - code: 1000 to 1003, 1007 to 1014, or 3000 to 4999; default 1000.
    ///   - reason: at most 123 bytes of UTF-8.
    /// - Throws: `.misuse` for another code or a longer reason; then nothing is sent.
    public func beginClose(code: CloseCode = .normal, reason: String = "") throws(WebSocketError) {
        if phase == .open && !isWriteBroken { try sendClose(code, reason) }
    }

    /// Begins to close with a code and reason known to be allowed.
    package func beginClose(_ code: CloseCode, _ reason: String = "") { try? beginClose(code: code, reason: reason) }

    private func sendClose(_ code: CloseCode, _ reason: String) throws(WebSocketError) {
        prepareOutput()
        do { try machine.close(code: code, reason: reason) } catch { throw refusal(error) }
        phase = .closeSent
        published.publish(.closing)
        armCloseDeadline()
        // Nothing comes behind it, so nothing is gained by waiting for the end of the turn.
        flush()
        failSenders()
        // What waits undecoded is decoded now, to find the peer's close behind it; its messages are discarded.
        refillForClose()
    }

    private func refillForClose() {
        isReadPaused = true
        refill()
    }

    /// The peer's close frame arrived; if it was first, the answer is in the output.
    func peerClosed(_ close: Close) { finish(.closed(close)) }

    /// The peer broke a rule; the close frame that says so is in the output.
    func violated(_ failure: ProtocolFailure) {
        let close = Close(code: failure.code, reason: failure.description)
        finish(.failed(WebSocketError(.protocolViolation, failure.description, close: close)))
    }

    /// What waits is written; then comes the end.
    ///
    /// Whoever is told of it may end the program in that moment. So our last frame is written first, now if the peer takes
    /// it, and they are told afterwards.
    func finish(_ end: Outcome) {
        phase = .finishing
        published.publish(.closing)
        if outcome == nil { endToTell = Boxed(end) }
        if isWriteBroken { return release() }
        armCloseDeadline()
        flush()
    }

    /// All is written after the last frame. The server drops TCP first; the client waits for that (RFC 6455 section
    /// 7.1.1). After a violation the peer may still be sending: closing now would reset the connection and could
    /// destroy the close frame on its way, so only our side is shut.
    func finishWriting() {
        phase = .draining
        let isClosed = if case .closed = endToTell?.value ?? outcome { true } else { false }
        if !isClosed { stream?.closeWrite() }
        tellEnd()
        if isInputOver || isClosed && machine.isServer { release() }
    }

    /// The stream gave its last byte, or broke.
    func inputEnded(_ error: StreamError?) {
        endHeldBack()
        if phase == .open || phase == .closeSent {
            let what = error.map { "the connection broke: \($0)" } ?? "the peer ended the connection without a close"
            conclude(.failed(WebSocketError(.connectionLost, what, close: Close(code: .abnormal))))
        }
        if error == nil && phase == .finishing && !isWriteBroken && !machine.output.isEmpty {
            // The peer has shut its own side only: our last frame is still on its way, until the deadline.
            isInputOver = true
            stream?.setWantsRead(false)
        } else {
            release()
        }
    }

    /// The peer has had its time.
    func closeTooSlow() {
        conclude(
            .failed(
                WebSocketError(
                    .connectionLost, "the peer did not end the connection within \(options.closeTimeout)",
                    close: Close(code: .abnormal), phase: .close)))
        release()
    }

    /// Ends it now: what waits is written as far as the stream takes it at once.
    package func drop() {
        guard phase != .released else { return }
        endHeldBack()
        if machine.state == .open { try? sendClose(.goingAway, "") }
        flush()
        guard phase != .released else { return }
        conclude(.closed(Close(code: .abnormal, reason: "dropped")))
        release()
    }
}
