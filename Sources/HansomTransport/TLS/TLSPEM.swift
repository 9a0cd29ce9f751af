/// Where certificates or a key in PEM form (RFC 7468) come from.
public enum TLSPEM: Sendable, Hashable {
    /// A file, read when the TLS context is made.
    case file(String)
    /// The text itself.
    case bytes([UInt8])
}
