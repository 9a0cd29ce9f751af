/// How a client speaks TLS. The defaults are right for the public web.
public struct TLSClientOptions: Sendable, Hashable {
    /// Whether the server must prove who it is.
    public enum Verification: Sendable, Hashable {
        /// Its certificate must lead to a trusted root, be valid today, be strong enough, name the host, and not be
        /// revoked as far as the server sends its authority's word along; one that demands that word ("must-staple")
        /// must come with it.
        case full
        /// Nothing is checked but `pinnedPublicKeys`: without pins, anyone on the path can read and change everything.
        case none
    }

    /// Whether the server must prove who it is. Default: it must.
    public var verification: Verification = .full

    /// Which authorities may vouch for the server. Default: those of the operating system.
    public var trustRoots: TLSTrustRoots = .system

    /// The name to ask for (SNI) and to find in the certificate, instead of the host that is dialled.
    public var serverName: String? = nil

    /// The oldest version that is accepted. Default: TLS 1.2.
    public var minimumVersion: TLSVersion = .tls12

    /// The cipher suites to offer, in OpenSSL's notation, separated by colons; `nil`: those of TLS 1.3, and for TLS 1.2
    /// those that keep past traffic secret when a key is lost later (ECDHE) and authenticate what they encrypt
    /// (AES-GCM, ChaCha20-Poly1305), as RFC 9325 wants it. A peer too old for these needs to be named: `"DEFAULT"` is
    /// OpenSSL's choice, `"ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES"` adds CBC.
    ///
    /// Names that begin with `TLS_` are TLS 1.3 suites, all others speak for TLS 1.2; with the former alone, TLS 1.2 is
    /// off. `@SECLEVEL=1` among them admits weaker keys and signatures; without it the level is 2 (RSA of 2048 bits or
    /// more, no SHA-1).
    public var cipherSuites: String? = nil

    /// The application protocols to offer (ALPN, RFC 7301), best first. Empty: the extension is not sent.
    public var alpn: [String] = ["http/1.1"]

    /// What to show a server that asks for a client certificate.
    public var identity: TLSIdentity? = nil

    /// SHA-256 digests (32 bytes each) of the public keys (`SubjectPublicKeyInfo` in DER) that the server's own
    /// certificate may have. Empty: any. A pin is checked *on top of* `verification`, never instead of it.
    public var pinnedPublicKeys: [[UInt8]] = []

    /// Whether the session keys are appended to the file that the environment variable `SSLKEYLOGFILE` names, so that
    /// a packet analyser can read the traffic. Default: no, whatever the environment says.
    public var keyLog = false

    /// The defaults: full verification against the system's roots, TLS 1.2 or later, `http/1.1`.
    public init() {}
}

/// How a server speaks TLS.
public struct TLSServerOptions: Sendable, Hashable {
    /// Whether clients must prove who they are.
    public enum ClientCertificates: Sendable, Hashable {
        /// They are not asked.
        case none
        /// They are asked; one that comes must be good, none is fine.
        case optional(TLSTrustRoots)
        /// No connection without a certificate that leads to one of these roots.
        case required(TLSTrustRoots)
    }

    /// What the server proves itself with.
    public var identity: TLSIdentity

    /// Other identities by the name that the client asks for (SNI, RFC 6066): `"example.com"`, or `"*.example.com"` for
    /// every name one label below. A client that names none of them gets `identity`.
    public var identitiesByServerName: [String: TLSIdentity] = [:]

    /// The oldest version that is accepted. Default: TLS 1.2.
    public var minimumVersion: TLSVersion = .tls12

    /// The cipher suites to accept, in OpenSSL's notation, separated by colons; `nil`: those of TLS 1.3, and for TLS
    /// 1.2 those that keep past traffic secret when a key is lost later (ECDHE) and authenticate what they encrypt
    /// (AES-GCM, ChaCha20-Poly1305), as RFC 9325 wants it. A peer too old for these needs to be named: `"DEFAULT"` is
    /// OpenSSL's choice, `"ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES"` adds CBC.
    ///
    /// Names that begin with `TLS_` are TLS 1.3 suites, all others speak for TLS 1.2; with the former alone, TLS 1.2 is
    /// off. `@SECLEVEL=1` among them admits weaker keys and signatures; without it the level is 2 (RSA of 2048 bits or
    /// more, no SHA-1).
    public var cipherSuites: String? = nil

    /// The application protocols that are spoken (ALPN, RFC 7301), best first. A client that offers only others is
    /// refused; one that offers none is welcome. Empty: the extension is ignored.
    public var alpn: [String] = ["http/1.1"]

    /// Whether clients must prove who they are. Default: they are not asked.
    public var clientCertificates: ClientCertificates = .none

    /// 80 secret random bytes from which the keys of session tickets are made, so that several processes can take up
    /// each other's sessions; `nil`: each context makes its own.
    ///
    /// The keys change by themselves at midnight (UTC), those of the day before are still accepted, and processes that
    /// were given the same bytes agree whatever day they begin. Whoever knows the bytes themselves can read recorded
    /// TLS 1.2 traffic: keep them out of files, and renew them now and then.
    public var sessionTicketKey: [UInt8]? = nil

    /// The same with the day that it is for, in place of `sessionTicketKey`.
    package var ticketSecret: TLSTicketSecret? = nil

    /// The defaults around an identity: TLS 1.2 or later, `http/1.1`, no client certificates.
    public init(identity: TLSIdentity) {
        self.identity = identity
    }
}

/// What one side proves itself with: a certificate, those that lead from it to an authority, and its private key.
public struct TLSIdentity: Sendable, Hashable {
    /// The own certificate first, then the intermediates in order; the authority's own certificate may be left out.
    public var certificateChain: TLSPEM

    /// The private key of the first certificate, not encrypted. It may be in the same file.
    public var privateKey: TLSPEM

    /// What a server sends along to show that the certificate is not revoked; default `nil`: nothing. A certificate
    /// that demands it ("must-staple", RFC 7633) is refused by clients without it. Clients send none.
    public var ocspResponse: TLSOCSPResponse?

    /// An identity from two sources, which may be the same one.
    public init(certificateChain: TLSPEM, privateKey: TLSPEM) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
    }

    /// An identity from two PEM files.
    public static func files(certificateChain: String, privateKey: String) -> Self {
        Self(certificateChain: .file(certificateChain), privateKey: .file(privateKey))
    }

    /// An identity from PEM text in memory.
    public static func pem(certificateChain: [UInt8], privateKey: [UInt8]) -> Self {
        Self(certificateChain: .bytes(certificateChain), privateKey: .bytes(privateKey))
    }
}

/// Which certificate authorities are believed.
public enum TLSTrustRoots: Sendable, Hashable {
    /// Those of the operating system (OpenSSL's default file and directory; `SSL_CERT_FILE` and `SSL_CERT_DIR` move
    /// them).
    case system
    /// Those in a PEM file, and no others.
    case file(String)
    /// Those in this PEM text, and no others.
    case pem([UInt8])
    /// Those of the operating system, and these.
    case systemAnd(TLSPEM)
}

/// Why TLS options cannot be used: what was found where, and what to do about it.
public struct TLSConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of mistake it is. More may be added: match with `==`, and keep a default.
    public struct Code: RawRepresentable, Sendable, Hashable {
        /// The code in one word, as in `unreadableFile`: codes are equal when these are.
        public let rawValue: String

        public init(rawValue: String) { self.rawValue = rawValue }

        /// A file cannot be opened or read.
        public static let unreadableFile = Self(rawValue: "unreadableFile")
        /// No certificate stands where one should.
        public static let noCertificate = Self(rawValue: "noCertificate")
        /// A certificate is malformed, or too weak to be used.
        public static let badCertificate = Self(rawValue: "badCertificate")
        /// No private key stands where one should.
        public static let noPrivateKey = Self(rawValue: "noPrivateKey")
        /// A private key is malformed, or too weak to be used.
        public static let badPrivateKey = Self(rawValue: "badPrivateKey")
        /// The private key is encrypted.
        public static let encryptedKey = Self(rawValue: "encryptedKey")
        /// The private key belongs to another certificate.
        public static let keyMismatch = Self(rawValue: "keyMismatch")
        /// A trust root cannot be used.
        public static let badTrustRoot = Self(rawValue: "badTrustRoot")
        /// No cipher suite is left.
        public static let badCipherSuites = Self(rawValue: "badCipherSuites")
        /// An ALPN protocol name is empty or too long.
        public static let badProtocolName = Self(rawValue: "badProtocolName")
        /// A pin is not a SHA-256 digest.
        public static let badPin = Self(rawValue: "badPin")
        /// A server name cannot stand in a certificate.
        public static let badServerName = Self(rawValue: "badServerName")
        /// A session ticket key has the wrong size.
        public static let badTicketKey = Self(rawValue: "badTicketKey")
        /// An OCSP response is malformed, or about another certificate.
        public static let badOCSPResponse = Self(rawValue: "badOCSPResponse")
        /// The TLS library refused to work.
        public static let library = Self(rawValue: "library")
    }

    /// What kind of mistake it is.
    public let code: Code

    /// What was found where, and what to do, for a person.
    public let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
