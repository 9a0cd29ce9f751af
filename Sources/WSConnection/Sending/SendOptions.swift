/// How one message is sent.
public struct SendOptions: Sendable, Hashable {
    /// The most payload bytes of one frame, at least 4: a longer message is sent as fragments. Text is cut between
    /// characters, unless it is compressed. Default: any message is one frame.
    public var frameSize: Int?
    /// How long to wait for room, should the peer not keep up. Default: without end.
    public var timeout: Duration?
    /// Whether to compress the message, where compression was agreed on. Default: when it is as long as the threshold
    /// says. Turn it off for what is compressed already, and for secrets beside what others choose (see the guide).
    public var compress: Bool?

    public init(frameSize: Int? = nil, timeout: Duration? = nil, compress: Bool? = nil) {
        self.frameSize = frameSize
        self.timeout = timeout
        self.compress = compress
    }

    /// So that the longest encoding of a character fits into a frame.
    static let smallestFrame = 4
}
