/// What waits in the connections that are open.
public struct QueueDepths: Sendable, Hashable {
    /// Messages that have arrived and were not taken yet, in all connections together.
    public private(set) var inboundMessages = 0
    /// The most of them in one connection.
    public private(set) var mostInboundMessages = 0
    /// Bytes that wait to be written, in all connections together.
    public private(set) var bufferedBytes = 0
    /// The most of them in one connection.
    public private(set) var mostBufferedBytes = 0

    mutating func add(inbound: Int, buffered: Int) {
        inboundMessages += inbound
        mostInboundMessages = max(mostInboundMessages, inbound)
        bufferedBytes += buffered
        mostBufferedBytes = max(mostBufferedBytes, buffered)
    }

    mutating func add(_ other: QueueDepths) {
        inboundMessages += other.inboundMessages
        mostInboundMessages = max(mostInboundMessages, other.mostInboundMessages)
        bufferedBytes += other.bufferedBytes
        mostBufferedBytes = max(mostBufferedBytes, other.mostBufferedBytes)
    }
}
