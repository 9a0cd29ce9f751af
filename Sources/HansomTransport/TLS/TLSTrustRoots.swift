/// Which certificate authorities are believed.
public enum TLSTrustRoots: Sendable, Hashable {
    /// Those of the operating system (OpenSSL's default file and directory; `SSL_CERT_FILE` and `SSL_CERT_DIR` move them).
    case system
    /// Those in a PEM file, and no others.
    case file(String)
    /// Those in this PEM text, and no others.
    case pem([UInt8])
    /// Those of the operating system, and these.
    case systemAnd(TLSPEM)
}
