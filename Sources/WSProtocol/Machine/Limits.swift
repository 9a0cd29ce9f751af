/// What one message may cost the receiver (RFC 6455 section 10.4).
///
/// Everything is checked at the frame header, before anything of the claimed size is allocated.
public struct Limits: Hashable, Sendable {
    /// The payload bytes of a whole message. 1 MiB unless told otherwise.
    public var maxMessageSize: Int
    /// The payload bytes of one data frame; `nil`, the default, means `maxMessageSize`.
    public var maxFrameSize: Int?
    /// The frames of one message, empty ones included. 1,024 unless told otherwise.
    public var maxFragments: Int
    /// The payload bytes of a message that is handed out part by part, and so never held as a whole. It is then its only
    /// limit beside `maxFrameSize` and `maxInflationRatio`. `nil`, the default: such a message has the limits of any other.
    public var maxStreamedSize: Int?
    /// How many times as long as it came a compressed message may become; `nil`, the default, for any. It is judged while the
    /// message is inflated, from 64 KiB on.
    public var maxInflationRatio: Int?

    public init(
        maxMessageSize: Int = 1 << 20, maxFrameSize: Int? = nil, maxFragments: Int = 1024, maxInflationRatio: Int? = nil,
        maxStreamedSize: Int? = nil
    ) {
        self.maxMessageSize = maxMessageSize
        self.maxFrameSize = maxFrameSize
        self.maxFragments = maxFragments
        self.maxStreamedSize = maxStreamedSize
        self.maxInflationRatio = maxInflationRatio
    }

    /// What any message may inflate to, be it ever so short: little of what is short and repeats itself is a bomb.
    static let inflatedFreely = 1 << 16

    /// How long a message of at most `size` bytes may be while it is compressed. What does not compress becomes a little
    /// longer; and bytes that inflate to nothing have to end somewhere.
    static func compressed(_ size: Int) -> Int {
        let (sum, overflow) = size.addingReportingOverflow(size / 8 + 64)
        return overflow ? .max : sum
    }
}
