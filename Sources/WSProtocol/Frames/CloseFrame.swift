/// What a close frame says (RFC 6455 section 5.5.1).
public struct CloseFrame: Hashable, Sendable {
    /// The code; `.noStatus` when the frame was empty.
    public var code: CloseCode
    /// The reason; empty when none was given.
    public var reason: String

    public init(code: CloseCode, reason: String = "") {
        self.code = code
        self.reason = reason
    }
}
