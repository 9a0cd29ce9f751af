import Actors
import CTLS
import Glibc

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
    /// What works, and should be put right all the same: for a log.
    package let warnings: [String]
    /// What a server's session tickets are made with.
    let ticketKeys: TLSTicketKeys?
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
        if options.verification == .full {
            try handle.trust(options.trustRoots)
            handle.heedStaples()
        }
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
        self.ticketKeys = nil
        self.warnings = [(options.identity?.privateKey).flatMap(TLSKeyFile.warning)].compactMap { $0 }
    }

    /// Reads all that `options` name.
    ///
    /// - Throws: what cannot be used, where it was found and what to do about it.
    package convenience init(server options: TLSServerOptions) throws(TLSConfigurationError) {
        try self.init(server: options, today: { TLSTicketSecret.today })
    }

    /// - Parameter today: days since the beginning of 1970.
    convenience init(
        server options: TLSServerOptions, today: @escaping @Sendable () -> Int64
    ) throws(TLSConfigurationError) {
        if let key = options.sessionTicketKey, key.count != 80 {
            throw TLSConfigurationError(.badTicketKey, "the session ticket key has \(key.count) bytes; expected 80")
        }
        let secret = options.ticketSecret ?? options.sessionTicketKey.map { TLSTicketSecret($0) }
        let ticketKeys = TLSTicketKeys(secret, today: today)
        var named: [String: TLSContext] = [:]
        for (name, identity) in options.identitiesByServerName {
            try Self.check(serverName: name.hasPrefix("*.") ? String(name.dropFirst(2)) : name)
            named[name.lowercased()] = try TLSContext(
                server: options, identity: identity, ticketKeys, named: [:])
        }
        try self.init(server: options, identity: options.identity, ticketKeys, named: named)
    }

    private init(
        server options: TLSServerOptions, identity: TLSIdentity, _ ticketKeys: TLSTicketKeys,
        named: [String: TLSContext]
    ) throws(TLSConfigurationError) {
        // Safety: the method is a constant of the library.
        let handle = try unsafe TLSContextHandle(
            method: TLS_server_method(), minimumVersion: options.minimumVersion, cipherSuites: options.cipherSuites)
        let chain = try handle.load(identity)
        var warnings = [TLSKeyFile.warning(about: identity.privateKey)].compactMap { $0 }
        if let response = identity.ocspResponse {
            handle.send(try TLSStaple(response, for: chain))
        } else if chain[0].mustStaple {
            warnings.append(
                "the certificate '\(chain[0].view.subject)' demands an OCSP response with it (must-staple, RFC 7633), and "
                    + "there is none: clients will refuse it; `ocspResponse` of its identity is the place for one")
        }
        switch options.clientCertificates {
        case .none: self.verifiesPeer = false
        case .optional(let roots), .required(let roots):
            try handle.trust(roots, announced: true)
            self.verifiesPeer = true
        }
        handle.verifyClients(options.clientCertificates)
        handle.issueTickets(scope: try Self.scope(of: options))
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
        self.ticketKeys = ticketKeys
        self.warnings = warnings + named.values.flatMap(\.warnings)
    }

    /// The context for a name that a client asks for, unless it is this one.
    func context(forServerName name: String) -> TLSContext? {
        let name = name.lowercased()
        if let exact = named[name] { return exact }
        guard let dot = name.firstIndex(of: ".") else { return nil }
        return named["*" + name[dot...]]
    }

    /// What sessions are bound to: the main identity and the demands on clients. Otherwise a session that began without
    /// a client certificate could be taken up, by a shared ticket key, where one is required.
    private static func scope(of options: TLSServerOptions) throws(TLSConfigurationError) -> [UInt8] {
        SHA256.digest(of: try options.identity.certificateChain.read() + Array("\(options.clientCertificates)".utf8))
    }

    private static func check(serverName: String) throws(TLSConfigurationError) {
        guard TLSServerName(serverName) == nil else { return }
        throw TLSConfigurationError(
            .badServerName,
            "server name '\(LogText.escaped(serverName, .bytes, atMost: 256))' is neither a host name nor an address "
                + "(letters, digits, '-', '_' and '.'; at most 253 bytes; an international name in its 'xn--' form)")
    }
}

extension TLSContext {
    /// Notes a key for packet analysers, where that was asked for.
    func logKey(_ line: UnsafePointer<CChar>) {
        // Safety: the line lives during the call.
        unsafe keyLog?.append(line)
    }
}

/// The file that session keys are appended to, for packet analysers.
final class TLSKeyLog: Sendable {
    private let descriptor: Int32

    /// The file that `SSLKEYLOGFILE` names; `nil` where the variable is not set.
    static var pathInEnvironment: String? {
        // Safety: the text is copied before anything can change the environment.
        unsafe getenv("SSLKEYLOGFILE").map { unsafe String(cString: $0) }
    }

    /// Opens a file; makes it, for this user alone, where there is none.
    init(path: String) throws(TLSConfigurationError) {
        // Safety: the path is a C string for the duration of the call.
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw TLSConfigurationError(
                .unreadableFile, "cannot append to '\(path)', which SSLKEYLOGFILE names: \(SystemError.text(of: errno))"
            )
        }
    }

    deinit { Glibc.close(descriptor) }

    /// Appends a line. One system call, so lines of several threads do not mix.
    func append(_ line: UnsafePointer<CChar>) {
        // Safety: OpenSSL gives a C string that lives during the call.
        let bytes: [CChar] = unsafe Array(UnsafeBufferPointer(start: line, count: strlen(line))) + [10]
        _ = unsafe Glibc.write(descriptor, bytes, bytes.count)
    }
}

/// A version of the TLS protocol that this library speaks.
///
/// SSL 3.0, TLS 1.0 and TLS 1.1 are not among them: RFC 8996 forbids them.
public enum TLSVersion: String, Sendable, Hashable, Comparable, CaseIterable, CustomStringConvertible {
    /// TLS 1.2 (RFC 5246).
    case tls12 = "TLS 1.2"
    /// TLS 1.3 (RFC 8446).
    case tls13 = "TLS 1.3"

    public var description: String { rawValue }

    public static func < (a: Self, b: Self) -> Bool { a == .tls12 && b == .tls13 }

    /// The number that stands for it on the wire.
    var wireNumber: Int32 {
        switch self {
        case .tls12: TLS1_2_VERSION
        case .tls13: TLS1_3_VERSION
        }
    }

    /// The version behind a number from the wire.
    init?(wireNumber: Int32) {
        guard let version = Self.allCases.first(where: { $0.wireNumber == wireNumber }) else { return nil }
        self = version
    }
}

/// The application protocols of a context, and their form on the wire (RFC 7301 section 3.1).
struct TLSProtocolNames: Sendable {
    let names: [String]

    /// Each name behind a byte with its length.
    let wire: [UInt8]

    init(_ names: [String]) throws(TLSConfigurationError) {
        var wire: [UInt8] = []
        for name in names {
            let bytes = Array(name.utf8)
            guard let count = UInt8(exactly: bytes.count), count > 0 else {
                throw TLSConfigurationError(
                    .badProtocolName,
                    "ALPN protocol name '\(LogText.escaped(bytes))' has \(bytes.count) bytes; expected 1 to 255 (RFC 7301)"
                )
            }
            wire.append(count)
            wire += bytes
        }
        self.names = names
        self.wire = wire
    }

    /// Where in a client's list the best common protocol stands; the server's order decides.
    func choose(from offered: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
        for name in names {
            // Safety: each range lies in the buffer.
            let match = unsafe Self.ranges(in: offered).first { range in
                unsafe offered[range].elementsEqual(name.utf8)
            }
            if let match { return match }
        }
        return nil
    }

    /// A client's list in words.
    static func text(_ offered: UnsafeBufferPointer<UInt8>) -> String {
        // Safety: each range lies in the buffer.
        unsafe ranges(in: offered).prefix(16).map { range in unsafe LogText.escaped(offered[range], atMost: 32) }
            .joined(separator: ", ")
    }

    private static func ranges(in offered: UnsafeBufferPointer<UInt8>) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start = 0
        // Safety: `start` and the end of each range are checked against the size before they are used.
        while start < offered.count {
            let end = unsafe start + 1 + Int(offered[start])
            guard end <= offered.count else { break }
            ranges.append(start + 1..<end)
            start = end
        }
        return ranges
    }
}
