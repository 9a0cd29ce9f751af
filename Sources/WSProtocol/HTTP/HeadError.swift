/// Why an HTTP head, or the body behind it, was refused, and the status that says so (RFC 9110 section 15.5).
public struct HeadError: Error, Hashable, Sendable {
    /// 400, 413, 414, 417, 431, 501 or 505.
    public let status: Int
    /// What came, what is allowed, and where it is written.
    public let message: String

    public init(status: Int, message: String) {
        self.status = status
        self.message = message
    }

    static func badRequest(_ message: String) -> HeadError { HeadError(status: 400, message: message) }
}

extension HeadError: CustomStringConvertible {
    public var description: String { "\(status): \(message)" }
}
