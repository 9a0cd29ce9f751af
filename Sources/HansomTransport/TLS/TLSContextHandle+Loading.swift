import CTLS

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
