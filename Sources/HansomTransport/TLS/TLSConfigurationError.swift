/// Why TLS options cannot be used: what was found where, and what to do about it.
public struct TLSConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of mistake it is. More may be added: match with `==`, and keep a default.
    public struct Code: RawRepresentable, Sendable, Hashable {
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
