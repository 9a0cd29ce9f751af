public import HTTPTypes
internal import HansomTransport
internal import WSProtocol

/// A user and a password from an `Authorization` field (RFC 7617).
///
///     guard let credentials = BasicCredentials(request.headers), credentials.match(user: "ann", password: secret) else { ... }
///
/// It is not `Equatable`: `==` would stop at the first byte that differs, and so tell a guesser how far he got. Neither
/// it nor its password appears in logs: its description has only the user.
public struct BasicCredentials: Sendable {
    /// The user's name; it has no colon.
    public let user: String
    /// The password as it came; compare it with `match`.
    public let password: String

    /// - Parameter headers: of a request. `nil` unless there is one `Authorization` field, of the scheme Basic, whose
    ///   content is base64 of UTF-8 with a colon and without control characters.
    public init?(_ headers: HTTPFields) {
        guard let encoded = headers.authorization(scheme: "basic"), let bytes = Base64.decode(encoded),
            let text = String(validating: bytes, as: UTF8.self),
            let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")),
            !bytes.contains(where: { $0 < 0x20 || $0 == 0x7F })
        else { return nil }
        user = String(text[..<colon])
        password = String(text[text.utf8.index(after: colon)...])
    }

    /// Whether these are that user and that password. Takes the same time whichever is wrong, and wherever.
    public func match(user: String, password: String) -> Bool {
        let (isUser, isPassword) = (
            ConstantTime.areEqual(self.user.utf8, user.utf8), ConstantTime.areEqual(self.password.utf8, password.utf8)
        )
        // Both were compared by now: a lazy `&&` of the calls would tell which users there are.
        return isUser && isPassword
    }
}

extension BasicCredentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "BasicCredentials(user: \(user.debugDescription))" }
    public var debugDescription: String { description }
    /// Without the password.
    public var customMirror: Mirror { Mirror(self, children: ["user": user]) }
}

extension HTTPFields {
    /// What stands behind the scheme of the one `Authorization` field (RFC 9110 section 11.4).
    func authorization(scheme: String) -> String? {
        let values = self[values: .authorization]
        guard values.count == 1, let value = values.first else { return nil }
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == scheme else { return nil }
        return String(parts[1].drop { $0 == " " })
    }
}

/// A token from an `Authorization` field (RFC 6750 section 2.1).
///
///     guard let token = BearerToken(request.headers), token.matches(anyOf: tokens) else { ... }
///
/// It is not `Equatable`, and does not show in logs, for the reasons of `BasicCredentials`.
public struct BearerToken: Sendable {
    /// The token as it came; compare it with `matches`, or give it to whoever verifies its signature.
    public let value: String

    /// - Parameter headers: of a request. `nil` unless there is one `Authorization` field, of the scheme Bearer, whose
    ///   content is letters, digits and `-._~+/`, with any number of `=` at the end.
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

/// Comparing secrets so that the time it takes tells nothing of them.
enum ConstantTime {
    /// Whether both are the same.
    ///
    /// Their digests are compared, which are of one length whatever theirs is, and every byte of them: whoever guesses
    /// learns neither how long the secret is nor how much of it he has right.
    static func areEqual(_ a: some Sequence<UInt8>, _ b: some Sequence<UInt8>) -> Bool {
        difference(SHA256.digest(of: Array(a)), SHA256.digest(of: Array(b))) == 0
    }

    /// 0 for equal ones. Never stops before the end of the shorter.
    static func difference(_ a: some Sequence<UInt8>, _ b: some Sequence<UInt8>) -> UInt8 {
        zip(a, b).reduce(0) { $0 | ($1.0 ^ $1.1) }
    }
}
