import CTLS

/// The places where OpenSSL asks back. Each callback finds the session by the link that the `SSL` carries.
extension TLSContextHandle {
    /// Offers application protocols (client).
    func offer(_ protocols: TLSProtocolNames) {
        guard !protocols.wire.isEmpty else { return }
        // Safety: the list is copied; its form was checked when it was made.
        unsafe SSL_CTX_set_alpn_protos(raw, protocols.wire, UInt32(protocols.wire.count))
    }

    /// Chooses among the protocols that a client offers; refuses one that offers only others (RFC 7301 section 3.2).
    func choose(from protocols: TLSProtocolNames) {
        guard !protocols.wire.isEmpty else { return }
        // Safety: OpenSSL calls on the session's thread with buffers that live during the call; the result points into
        // the client's list, as its manual allows, and is copied at once.
        unsafe SSL_CTX_set_alpn_select_cb(
            raw,
            { ssl, chosen, chosenCount, offered, offeredCount, _ in
                guard let link = unsafe TLSLink.of(ssl), let offered = unsafe offered else {
                    return SSL_TLSEXT_ERR_NOACK
                }
                let list = unsafe UnsafeBufferPointer(start: offered, count: Int(offeredCount))
                guard let range = unsafe link.context.protocols.choose(from: list) else {
                    unsafe link.refusedProtocols = TLSProtocolNames.text(list)
                    return SSL_TLSEXT_ERR_ALERT_FATAL
                }
                unsafe chosen?.pointee = offered + range.lowerBound
                unsafe chosenCount?.pointee = UInt8(range.count)
                return SSL_TLSEXT_ERR_OK
            }, nil)
    }

    /// Answers a client that names a host with that host's identity.
    func chooseByServerName() {
        // Safety: the name lives during the call; the other context is held by the first one, and OpenSSL takes a
        // reference of its own.
        unsafe CTLS_set_server_name_callback(
            raw,
            { ssl, _, _ in
                guard let link = unsafe TLSLink.of(ssl),
                    let name = unsafe SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)
                else { return SSL_TLSEXT_ERR_NOACK }
                if let other = unsafe link.context.context(forServerName: String(cString: name)) {
                    unsafe SSL_set_SSL_CTX(ssl, other.handle.raw)
                }
                return SSL_TLSEXT_ERR_OK
            }, nil)
    }

    /// Judges the server's certificate by `TLSVerifier`.
    func verifyServer() {
        // Even with verification off, so that pins are looked at: the verifier knows what to leave out.
        verify(mode: SSL_VERIFY_PEER)
    }

    /// Asks for client certificates, and judges them by `TLSVerifier`.
    func verifyClients(_ policy: TLSServerOptions.ClientCertificates) {
        switch policy {
        case .none: verify(mode: SSL_VERIFY_NONE)
        case .optional: verify(mode: SSL_VERIFY_PEER)
        case .required: verify(mode: SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT)
        }
    }

    /// Keeps the sessions that servers let this client take up again.
    func keepSessions() {
        // Safety: OpenSSL gives a reference, which the store takes over or leaves, as the result says.
        unsafe CTLS_set_client_session_callback(raw) { ssl, session in
            guard let link = unsafe TLSLink.of(ssl), let session = unsafe session,
                let store = link.context.sessions, let host = link.host
            else { return 0 }
            return unsafe store.keep(session, for: host) ? 1 : 0
        }
    }

    /// Writes keys to the context's log.
    func logKeys() {
        // Safety: the line lives during the call.
        unsafe SSL_CTX_set_keylog_callback(raw) { ssl, line in
            guard let link = unsafe TLSLink.of(ssl), let line = unsafe line else { return }
            unsafe link.context.logKey(line)
        }
    }

    /// Lets clients take up earlier sessions by tickets, of which the server remembers nothing.
    ///
    /// No session cache: it would cost memory for each client that ever came. One ticket instead of the usual two: a
    /// WebSocket client opens one connection and, when it breaks, one more.
    ///
    /// - Parameter scope: what a session is bound to: elsewhere it cannot be taken up.
    func issueTickets(scope: [UInt8]) {
        // Safety: `raw` is alive as long as `self`; the scope is copied.
        unsafe CTLS_set_session_cache_off(raw)
        unsafe SSL_CTX_set_num_tickets(raw, 1)
        renewTicketKeys()
        unsafe SSL_CTX_set_session_id_context(raw, scope, UInt32(scope.count))
    }

    private func verify(mode: Int32) {
        // Safety: OpenSSL calls on the session's thread; the verification lives during the call.
        unsafe SSL_CTX_set_verify(raw, mode, nil)
        unsafe SSL_CTX_set_cert_verify_callback(
            raw,
            { verification, _ in
                guard let verification = unsafe verification,
                    let link = unsafe TLSLink.of(CTLS_ssl_of_verification(verification))
                else { return 0 }
                return unsafe TLSVerifier.accepts(verification, for: link) ? 1 : 0
            }, nil)
    }
}
