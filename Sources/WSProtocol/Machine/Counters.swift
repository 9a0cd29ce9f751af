/// Frames and payload bytes that went each way, data and control alike.
public struct Counters: Hashable, Sendable {
    /// Frames received whole. A data frame with which its message fails is not among them.
    public var framesReceived = 0
    /// Payload bytes of the frames received whole.
    public var bytesReceived = 0
    /// Frames queued for sending.
    public var framesSent = 0
    /// Payload bytes of the frames queued for sending.
    public var bytesSent = 0

    public init() {}
}
