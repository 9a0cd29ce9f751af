import CTLS

/// Owns an `SSL_CTX`.
@safe final class TLSContextHandle {
    let raw: OpaquePointer

    /// What is sent along with the certificate. OpenSSL has a bare pointer to it.
    var staple: TLSStaple?

    /// A context with what both roles share: modern versions, no compression, no renegotiation, small idle memory.
    init(
        method: OpaquePointer?, minimumVersion: TLSVersion, cipherSuites: String?
    ) throws(TLSConfigurationError) {
        TLSErrorQueue.clear()
        // Safety: the method is a constant of the library; the new context is owned by this object.
        guard let raw = unsafe SSL_CTX_new(method) else {
            throw TLSConfigurationError(.library, "OpenSSL makes no context: \(TLSErrorQueue.drainText())")
        }
        unsafe self.raw = raw
        // Safety: `raw` is alive as long as `self`.
        unsafe CTLS_set_modes(raw)
        unsafe CTLS_set_options(raw)
        unsafe CTLS_set_read_ahead(raw)
        unsafe SSL_CTX_set_security_level(raw, 2)
        countMessages()
        try use(cipherSuites, minimumVersion: minimumVersion)
    }

    deinit {
        // Safety: the reference is this object's own; sessions hold their own ones.
        unsafe SSL_CTX_free(raw)
    }

    /// What is spoken in TLS 1.2 unless somebody says otherwise: forward secrecy and authenticated encryption, nothing
    /// else (RFC 9325 sections 4.1 and 4.2).
    private static let classicSuites = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"

    private func use(_ suites: String?, minimumVersion: TLSVersion) throws(TLSConfigurationError) {
        let names = (suites ?? "").split(separator: ":").map(String.init)
        let modern = names.filter { $0.hasPrefix("TLS_") }
        var classic = names.filter { !$0.hasPrefix("TLS_") }
        if suites != nil, names.isEmpty {
            throw TLSConfigurationError(
                .badCipherSuites, "the list of cipher suites is empty; nil means the default ones")
        }
        if names.isEmpty || classic.first?.hasPrefix("@") == true { classic.insert(Self.classicSuites, at: 0) }
        // Safety: `raw` is alive as long as `self`; the strings are copied.
        if !modern.isEmpty, unsafe SSL_CTX_set_ciphersuites(raw, modern.joined(separator: ":")) != 1 {
            throw Self.unknownSuites(modern)
        }
        if !classic.isEmpty, unsafe SSL_CTX_set_cipher_list(raw, classic.joined(separator: ":")) != 1 {
            throw Self.unknownSuites(classic)
        }
        let minimum: TLSVersion = classic.isEmpty && !modern.isEmpty ? .tls13 : minimumVersion
        // Safety: as above.
        guard unsafe CTLS_set_min_version(raw, minimum.wireNumber) == 1, unsafe CTLS_set_max_version(raw, 0) == 1 else {
            throw TLSConfigurationError(.library, "OpenSSL refuses \(minimum): \(TLSErrorQueue.drainText())")
        }
    }

    private static func unknownSuites(_ names: [String]) -> TLSConfigurationError {
        let reason = TLSErrorQueue.drainText()
        return TLSConfigurationError(
            .badCipherSuites,
            "OpenSSL finds no usable cipher suite in '\(names.joined(separator: ":"))' (\(reason)); "
                + "'openssl ciphers -v' lists the names that it knows")
    }
}

extension TLSContextHandle {
    /// Loads certificate, chain and key.
    ///
    /// - Returns: the certificates.
    @discardableResult
    func load(_ identity: TLSIdentity) throws(TLSConfigurationError) -> [TLSOwnedCertificate] {
        let chain = try identity.certificateChain.certificates()
        let key = try identity.privateKey.privateKey()
        let leaf = chain[0]
        let place = "the certificate '\(leaf.view.subject)' in \(identity.certificateChain.name)"
        TLSErrorQueue.clear()
        // Safety: the context takes references of its own to certificates and key; all are alive during the calls.
        guard unsafe SSL_CTX_use_certificate(raw, leaf.raw) == 1 else {
            throw TLSConfigurationError(
                .badCertificate,
                "\(place) cannot be used: \(TLSErrorQueue.drainText()) (its key: \(leaf.view.keyStrength)); "
                    + "expected RSA of at least 2048 bits or an elliptic curve of at least 224, signed with SHA-2")
        }
        guard unsafe X509_check_private_key(leaf.raw, key.raw) == 1 else {
            TLSErrorQueue.clear()
            throw TLSConfigurationError(
                .keyMismatch,
                "the private key in \(identity.privateKey.name) does not belong to \(place) (its key: "
                    + "\(leaf.view.keyStrength)); the server's own certificate must come first in the chain")
        }
        guard unsafe SSL_CTX_use_PrivateKey(raw, key.raw) == 1 else {
            throw TLSConfigurationError(
                .badPrivateKey,
                "the private key in \(identity.privateKey.name) cannot be used: \(TLSErrorQueue.drainText())")
        }
        for link in chain.dropFirst() where unsafe CTLS_add1_chain_certificate(raw, link.raw) != 1 {
            throw TLSConfigurationError(
                .badCertificate,
                "the chain certificate '\(link.view.subject)' in \(identity.certificateChain.name) cannot be used: "
                    + TLSErrorQueue.drainText())
        }
        return chain
    }

    /// Loads the authorities that peers are judged by.
    ///
    /// - Parameter announced: whether the server names them to clients when it asks for a certificate.
    func trust(_ roots: TLSTrustRoots, announced: Bool = false) throws(TLSConfigurationError) {
        switch roots {
        case .system: try trustSystem()
        case .file(let path): try add(.file(path), announced: announced)
        case .pem(let bytes): try add(.bytes(bytes), announced: announced)
        case .systemAnd(let source):
            try trustSystem()
            try add(source, announced: announced)
        }
    }

    private func trustSystem() throws(TLSConfigurationError) {
        // Safety: `raw` is alive as long as `self`.
        guard unsafe SSL_CTX_set_default_verify_paths(raw) == 1 else {
            throw TLSConfigurationError(
                .badTrustRoot, "the system's trust store cannot be used: \(TLSErrorQueue.drainText())")
        }
    }

    private func add(_ source: TLSPEM, announced: Bool) throws(TLSConfigurationError) {
        let authorities: [TLSOwnedCertificate]
        do {
            authorities = try source.certificates()
        } catch {
            guard error.code == .noCertificate || error.code == .badCertificate else { throw error }
            throw TLSConfigurationError(.badTrustRoot, "trust roots: \(error.message)")
        }
        // Safety: the store belongs to the context; it takes references of its own.
        let store = unsafe SSL_CTX_get_cert_store(raw)
        // What the user names is believed, be it a root, an intermediate, or one server's own certificate.
        unsafe X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN))
        TLSErrorQueue.clear()
        for authority in authorities {
            guard unsafe X509_STORE_add_cert(store, authority.raw) == 1 else {
                throw TLSConfigurationError(
                    .badTrustRoot,
                    "the trust root '\(authority.view.subject)' in \(source.name) cannot be used: "
                        + TLSErrorQueue.drainText())
            }
            if announced { unsafe SSL_CTX_add_client_CA(raw, authority.raw) }
        }
    }
}

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
