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
}
