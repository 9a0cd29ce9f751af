/// How much of an HTTP head is read before it is refused (RFC 9112 section 2.3, RFC 6585 section 5).
public struct HeadLimits: Hashable, Sendable {
    /// The bytes of one line, without its end. 8 KiB unless told otherwise; cookies and tokens may want more.
    public var maxLineBytes: Int
    /// The field lines. 100 unless told otherwise.
    public var maxLines: Int
    /// The bytes of the whole head. 64 KiB unless told otherwise.
    public var maxHeadBytes: Int

    public init(maxLineBytes: Int = 8 << 10, maxLines: Int = 100, maxHeadBytes: Int = 64 << 10) {
        self.maxLineBytes = maxLineBytes
        self.maxLines = maxLines
        self.maxHeadBytes = maxHeadBytes
    }

    /// For a head that was taken already.
    package static let none = HeadLimits(maxLineBytes: .max, maxLines: .max, maxHeadBytes: .max)

    /// Which of these no head could keep, by the name of the option, or `nil`.
    package var objection: String? {
        let limits = [("maxLineBytes", maxLineBytes), ("maxLines", maxLines), ("maxHeadBytes", maxHeadBytes)]
        return limits.first { $0.1 < 1 }.map { "headLimits.\($0.0) \($0.1); at least 1 is needed" }
    }
}
