internal import WSProtocol

extension WebSocket {
    /// What bounds a connection, so that no peer can make it grow.
    public struct Limits: Sendable, Hashable {
        /// Bytes of one message; default 1 MiB. More is answered with 1009.
        public var messageSize = 1 << 20
        /// Bytes of one message that is received in pieces (`recvStream`); default 64 MiB, `nil`: without end, since no
        /// more than `inboundBytes` of it is held at a time. Neither `messageSize` nor `fragments` bounds such a one.
        /// More is answered with 1009.
        public var streamedMessageSize: Int? = 64 << 20
        /// Bytes of one frame; default: as its message.
        public var frameSize: Int?
        /// Frames of one message, empty ones too; default 1,024.
        public var fragments = 1024
        /// How many times as long as it came a compressed message may become when it is inflated; `nil`, the default,
        /// for any. More is answered with 1009. What inflates to no more than 64 KiB is not judged; deflate cannot
        /// exceed 1,032.
        public var inflationRatio: Int?
        /// Messages that may wait to be received; default 16. When as many wait, the socket is not read.
        public var inboundMessages = 16
        /// Bytes that may wait to be received; default 1 MiB. One message of allowed size always fits.
        public var inboundBytes = 1 << 20
        /// Bytes waiting to be sent from which on `send` suspends; default 64 KiB. What was compressed for this
        /// connection counts at its full length until all is written.
        public var outboundHighWater = 64 << 10
        /// Bytes waiting to be sent down to which suspended senders wait; default 32 KiB.
        public var outboundLowWater = 32 << 10

        /// The defaults, which are safe to run with.
        public init() {}

        /// A low-water mark above the high one would wake senders that then have to wait again.
        var withWaterMarksInOrder: Limits {
            var limits = self
            limits.outboundLowWater = Swift.min(outboundLowWater, outboundHighWater)
            return limits
        }

        var ofProtocol: MessageLimits {
            MessageLimits(
                maxMessageSize: messageSize, maxFrameSize: frameSize, maxFragments: fragments,
                maxInflationRatio: inflationRatio, maxStreamedSize: streamedMessageSize ?? .max)
        }
    }
}

/// What a connection is told at birth. All connections of one server share one.
package final class ConnectionOptions: Sendable {
    package let limits: WebSocket.Limits
    /// How long `recv()` waits.
    let recvPatience: Patience
    /// How long the peer may take to end the connection once we asked it to.
    package let closeTimeout: Duration
    /// Applies to `subscribe` without a mode.
    package let active: WebSocket.ActiveMode
    /// Signs of life, and how long it does without.
    let timing: Timing
    /// Whether all messages are received in pieces, so that none is ever held as a whole.
    package let receivesInPieces: Bool

    package init(
        limits: WebSocket.Limits = .init(), recvTimeout: Duration? = nil, closeTimeout: Duration = .seconds(10),
        active: WebSocket.ActiveMode = .off, timing: Timing = Timing(), receivesInPieces: Bool = false
    ) {
        self.limits = limits.withWaterMarksInOrder
        recvPatience = Patience(recvTimeout)
        self.closeTimeout = closeTimeout
        self.active = active
        self.timing = timing
        self.receivesInPieces = receivesInPieces
    }
}
