/// How one message is sent.
public struct SendOptions: Sendable, Hashable {
    /// The most payload bytes of one frame, at least 4: a longer message is sent as fragments. Text is cut between
    /// characters. Default: any message is one frame.
    public var frameSize: Int?
    /// How long to wait for room, should the peer not keep up. Default: without end.
    public var timeout: Duration?

    public init(frameSize: Int? = nil, timeout: Duration? = nil) {
        self.frameSize = frameSize
        self.timeout = timeout
    }

    /// So that the longest encoding of a character fits into a frame.
    static let smallestFrame = 4
}
