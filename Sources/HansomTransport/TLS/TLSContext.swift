import CTLS

/// Options made ready for use: certificates read, keys checked. One serves any number of sessions, on any thread.
// Safety: nothing changes after `init`, and OpenSSL locks inside `SSL_CTX` what sessions share.
package final class TLSContext: @unchecked Sendable {
    /// Which end of a connection it serves.
    enum Role: Sendable { case client, server }

    let role: Role
    let handle: TLSContextHandle
    let minimumVersion: TLSVersion
    /// Whether a certificate that the peer shows must be good.
    let verifiesPeer: Bool
    let pinnedPublicKeys: [[UInt8]]
    /// The name that a client asks for in place of the host that it dials.
    let serverName: String?
    let protocols: TLSProtocolNames
    let sessions: TLSSessionStore?
    let keyLog: TLSKeyLog?
    /// Contexts with other identities by lower-case server name.
    let named: [String: TLSContext]

    /// Reads all that `options` name.
    ///
    /// - Throws: what cannot be used, where it was found and what to do about it.
    package convenience init(client options: TLSClientOptions) throws(TLSConfigurationError) {
        try self.init(client: options, keyLogPath: options.keyLog ? TLSKeyLog.pathInEnvironment : nil)
    }

    /// - Parameter keyLogPath: where keys are logged to, if the options ask for it.
    init(client options: TLSClientOptions, keyLogPath: String?) throws(TLSConfigurationError) {
        // Safety: the method is a constant of the library.
        let handle = try unsafe TLSContextHandle(
            method: TLS_client_method(), minimumVersion: options.minimumVersion, cipherSuites: options.cipherSuites)
        for pin in options.pinnedPublicKeys where pin.count != 32 {
            throw TLSConfigurationError(.badPin, "a pinned public key has \(pin.count) bytes; expected 32 (SHA-256)")
        }
        if options.verification == .full { try handle.trust(options.trustRoots) }
        if let identity = options.identity { try handle.load(identity) }
        if let name = options.serverName { try Self.check(serverName: name) }
        let protocols = try TLSProtocolNames(options.alpn)
        handle.offer(protocols)
        handle.verifyServer()
        handle.keepSessions()
        if options.keyLog, let keyLogPath, !keyLogPath.isEmpty {
            self.keyLog = try TLSKeyLog(path: keyLogPath)
            handle.logKeys()
        } else {
            self.keyLog = nil
        }
        self.role = .client
        self.handle = handle
        self.minimumVersion = options.minimumVersion
        self.verifiesPeer = options.verification == .full
        self.pinnedPublicKeys = options.pinnedPublicKeys
        self.serverName = options.serverName
        self.protocols = protocols
        self.sessions = TLSSessionStore()
        self.named = [:]
    }

    /// Reads all that `options` name.
    ///
    /// - Throws: what cannot be used, where it was found and what to do about it.
    package convenience init(server options: TLSServerOptions) throws(TLSConfigurationError) {
        var named: [String: TLSContext] = [:]
        for (name, identity) in options.identitiesByServerName {
            try Self.check(serverName: name.hasPrefix("*.") ? String(name.dropFirst(2)) : name)
            named[name.lowercased()] = try TLSContext(server: options, identity: identity, named: [:])
        }
        try self.init(server: options, identity: options.identity, named: named)
    }

    private init(
        server options: TLSServerOptions, identity: TLSIdentity, named: [String: TLSContext]
    ) throws(TLSConfigurationError) {
        // Safety: the method is a constant of the library.
        let handle = try unsafe TLSContextHandle(
            method: TLS_server_method(), minimumVersion: options.minimumVersion, cipherSuites: options.cipherSuites)
        try handle.load(identity)
        switch options.clientCertificates {
        case .none: self.verifiesPeer = false
        case .optional(let roots), .required(let roots):
            try handle.trust(roots, announced: true)
            self.verifiesPeer = true
        }
        handle.verifyClients(options.clientCertificates)
        try handle.issueTickets(key: options.sessionTicketKey, scope: Self.scope(of: options))
        let protocols = try TLSProtocolNames(options.alpn)
        handle.choose(from: protocols)
        if !named.isEmpty { handle.chooseByServerName() }
        self.role = .server
        self.handle = handle
        self.minimumVersion = options.minimumVersion
        self.pinnedPublicKeys = []
        self.serverName = nil
        self.protocols = protocols
        self.sessions = nil
        self.keyLog = nil
        self.named = named
    }

    /// The context for a name that a client asks for, unless it is this one.
    func context(forServerName name: String) -> TLSContext? {
        let name = name.lowercased()
        if let exact = named[name] { return exact }
        guard let dot = name.firstIndex(of: ".") else { return nil }
        return named["*" + name[dot...]]
    }

    /// What sessions are bound to: the main identity and the demands on clients. Otherwise a session that began without a
    /// client certificate could be taken up, by a shared ticket key, where one is required.
    private static func scope(of options: TLSServerOptions) throws(TLSConfigurationError) -> [UInt8] {
        SHA256.digest(of: try options.identity.certificateChain.read() + Array("\(options.clientCertificates)".utf8))
    }

    private static func check(serverName: String) throws(TLSConfigurationError) {
        guard TLSServerName(serverName) == nil else { return }
        throw TLSConfigurationError(
            .badServerName,
            "server name '\(Printable.text(Array(serverName.utf8)))' is neither a host name nor an address "
                + "(letters, digits, '-', '_' and '.'; at most 253 bytes; an international name in its 'xn--' form)")
    }
}
