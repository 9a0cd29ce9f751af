public import HTTPTypes

/// A token from an `Authorization` field (RFC 6750 section 2.1).
///
///     guard let token = BearerToken(request.headers), token.matches(anyOf: tokens) else { ... }
///
/// It is not `Equatable`, and does not show in logs, for the reasons of `BasicCredentials`.
public struct BearerToken: Sendable {
    /// The token as it came; compare it with `matches`, or give it to whoever verifies its signature.
    public let value: String

    /// - Parameter headers: of a request. `nil` unless there is one `Authorization` field, of the scheme Bearer, whose content
    ///   is letters, digits and `-._~+/`, with any number of `=` at the end.
    public init?(_ headers: HTTPFields) {
        guard let value = headers.authorization(scheme: "bearer"), BearerToken.isWellFormed(value) else { return nil }
        self.value = value
    }

    /// Whether this is that token. Takes the same time wherever it differs.
    public func matches(_ token: String) -> Bool { ConstantTime.areEqual(value.utf8, token.utf8) }

    /// Whether this is one of those tokens. All are compared, whether one was found or not.
    public func matches(anyOf tokens: some Sequence<String>) -> Bool {
        tokens.reduce(false) { isFound, token in matches(token) || isFound }
    }

    private static func isWellFormed(_ text: String) -> Bool {
        let body = text.utf8.reversed().drop { $0 == UInt8(ascii: "=") }
        return !body.isEmpty
            && body.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "-._~+/".utf8.contains(byte)
                }
            }
    }
}

extension BearerToken: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "BearerToken" }
    public var debugDescription: String { description }
    /// Without the token.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
