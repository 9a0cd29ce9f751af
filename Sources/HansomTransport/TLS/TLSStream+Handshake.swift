import Glibc

extension TLSStream {
    /// What a client that speaks plain HTTP is answered, as a stranger to TLS would not understand an alert.
    private static let plainHTTPAnswer = Array(
        ("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 44\r\n\r\n"
            + "This port speaks TLS: use https:// or wss://").utf8)

    /// Shakes hands; `completion` is called once, never before this returns, and not at all after `close()`.
    ///
    /// When it fails, an alert has been sent where there was room, and the stream below is ended for writing and no longer
    /// observed; it is the owner's to close.
    package func handshake(_ completion: @escaping (Result<TLSDetails, StreamError>) -> Void) {
        guard case .idle = phase else { preconditionFailure("a TLS stream shakes hands once") }
        do {
            phase = .shakingHands(try TLSSession(context, host: host, over: lower), completion)
            lower.observer = self
            deferAction { self.stepHandshake() }
        } catch {
            phase = .failed(error)
            deferAction {
                guard case .failed = self.phase else { return }
                completion(.failure(error))
            }
        }
    }

    /// Takes the handshake as far as it goes.
    func stepHandshake() {
        guard case .shakingHands(let session, let completion) = phase else { return }
        let outcome = session.handshake()
        isPeerSilent = session.hasHeardNothing
        switch outcome {
        case .done:
            let agreed = session.details()
            details = agreed
            phase = .open(session)
            // The peer's first data may have come in the same segment as the end of the handshake.
            mayHoldMore = session.holdsBytes
            updateInterest()
            completion(.success(agreed))
            tellLaterIfReadable()
        case .wantsRead:
            lower.setWantsWrite(false)
            lower.setWantsRead(true)
        case .wantsWrite:
            lower.setWantsRead(false)
            lower.setWantsWrite(true)
        case .closed: fail(.truncated, completion)
        case .lost(let error): fail(error, completion)
        case .broken(let failure):
            if failure.isPlainHTTP, context.role == .server { answerPlainHTTP() }
            fail(failure.error, completion)
        }
    }

    private func fail(_ error: StreamError, _ completion: HandshakeCompletion) {
        phase = .failed(error)
        lower.setWantsRead(false)
        lower.setWantsWrite(false)
        lower.observer = nil
        lower.closeWrite()
        completion(.failure(error))
    }

    private func answerPlainHTTP() {
        // Safety: the lower stream only reads the bytes, and only during the call.
        unsafe Self.plainHTTPAnswer.withUnsafeBytes { bytes in
            var vector = unsafe iovec(
                iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
            unsafe withUnsafePointer(to: &vector) { vector in
                _ = unsafe lower.write(UnsafeBufferPointer(start: vector, count: 1))
            }
        }
    }
}
