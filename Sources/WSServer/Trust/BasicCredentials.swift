public import HTTPTypes
internal import WSProtocol

/// A user and a password from an `Authorization` field (RFC 7617).
///
///     guard let credentials = BasicCredentials(request.headers), credentials.match(user: "ann", password: secret) else { ... }
///
/// It is not `Equatable`: `==` would stop at the first byte that differs, and so tell a guesser how far he got. Neither it nor
/// its password appears in logs: its description has only the user.
public struct BasicCredentials: Sendable {
    /// The user's name; it has no colon.
    public let user: String
    /// The password as it came; compare it with `match`.
    public let password: String

    /// - Parameter headers: of a request. `nil` unless there is one `Authorization` field, of the scheme Basic, whose content
    ///   is base64 of UTF-8 with a colon and without control characters.
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
