internal import WSConnection
internal import WSProtocol

/// Requests, as they come in.
extension Conversation {
    /// The next request's head.
    ///
    /// The first has what TLS left of `handshakeTimeout`; a later one is waited for, and from its first byte on has
    /// `handshakeTimeout` too. No byte on the way moves that.
    func nextRequest() async throws(Ending) -> IncomingRequest {
        if requestCount > 0, !reader.hasBegun {
            let time = settings.options.keepAliveTimeout
            limit(time, "no further request within \(time)")
            try await receive(mayEnd: true)
        }
        if requestCount > 0 { limitHead() }
        while true {
            // What was read before it was dropped is not served any more.
            if isDropped { throw .lost(WebSocketError(.closed, "it was dropped", phase: .handshake)) }
            do {
                if let request = try reader.nextHead() { return request }
            } catch {
                throw .refused(Refusal(error))
            }
            try await receive(mayEnd: true)
        }
    }

    /// The body of the request whose head came last, within `handshakeTimeout`.
    func body(of request: IncomingRequest) async throws(Ending) -> [UInt8] {
        guard request.hasBody else { return [] }
        limitHead()
        var mayInvite = request.expectsContinue
        while true {
            do {
                if let body = try reader.nextBody() { return body }
            } catch {
                throw .refused(Refusal(error))
            }
            // Whoever sends it already needs no invitation (RFC 9110 section 10.1.1).
            if mayInvite { try await invite() }
            mayInvite = false
            try await receive(mayEnd: false)
        }
    }

    private func invite() async throws(Ending) {
        try await send(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
        phase = .listening
        limitHead()
    }

    private func limitHead() {
        let time = settings.options.handshakeTimeout
        limit(time, "no whole request within \(time)")
    }

    private func receive(mayEnd: Bool) async throws(Ending) {
        let bytes: [UInt8]
        do {
            bytes = try await driver.read()
        } catch {
            throw .lost(error)
        }
        guard !bytes.isEmpty else {
            throw .lost(WebSocketError(.connectionLost, "the peer ended the connection", phase: .handshake))
        }
        reader.receive(bytes)
    }
}
