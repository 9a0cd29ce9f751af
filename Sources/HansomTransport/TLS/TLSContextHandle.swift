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

    /// What is spoken in TLS 1.2 unless somebody says otherwise: forward secrecy and authenticated encryption, nothing else
    /// (RFC 9325 sections 4.1 and 4.2).
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
