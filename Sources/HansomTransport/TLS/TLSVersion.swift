import CTLS

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
