/// One end of a WebSocket connection: bytes in, events out, bytes out (RFC 6455).
///
/// It does no I/O, and knows neither time nor chance: the owner feeds `receive` with what the peer sent, acts on the
/// events, and writes what stands in `output`. What the peer does wrong never throws: the right close frame is queued,
/// and the failure is reported as an event. Only the caller's own mistakes throw, as `ProtocolMisuse`.
public struct ProtocolMachine: ~Copyable, Sendable {
    /// Which end this is.
    public enum Role: Sendable {
        /// Masks what it sends; each call of `maskKeys` must return a new key from a strong source of randomness
        /// (RFC 6455 section 5.3).
        case client(maskKeys: @Sendable () -> UInt32)
        /// Sends unmasked.
        case server
    }

    /// How far the connection has come (RFC 6455 section 7.1).
    public enum State: Hashable, Sendable {
        /// Messages go both ways.
        case open
        /// Our close frame is queued; the peer's has not come. What still comes is checked and thrown away.
        case closeSent
        /// Both close frames are through: the closing handshake is complete.
        case closed
        /// The peer broke the protocol.
        case failed
    }

    /// What the peer's messages may cost. Looked at for each frame's header, and while a message is inflated.
    public var limits: MessageLimits
    /// How far the connection has come: `.open` at first. What is received changes it, and sending a close.
    public internal(set) var state = State.open
    /// What has gone through so far, each way. The machine only adds to it: set it anew to count from there.
    public var counters = FrameCounters()
    /// How messages are handed out; a change takes effect at the next message's start.
    public var delivery = Delivery.messages
    /// What is to be written to the peer.
    public var output = OutputBuffer()

    let maskKeys: (@Sendable () -> UInt32)?
    /// `nil` unless compression was agreed on.
    let compression: CompressionContexts?

    // What is being received.
    var partialHeader = PartialHeader()
    var frame: FrameHeader?
    var frameRemaining = 0
    var controlPayload: [UInt8] = []
    var assembler = MessageAssembler()

    /// Whether the end of the connection, be it the peer's close or a violation, is held back until `takeHeldEnd`: so
    /// that what came in front of it can be answered first.
    package var holdsEnd = false
    var heldEnd: HeldEnd?

    // What is being sent.
    var pendingPong: [UInt8]?
    var sendingKind: Opcode?

    /// - Parameter compression: what the handshake agreed on; `nil`: nothing is compressed.
    public init(role: Role, limits: MessageLimits = .init(), compression: CompressionAgreement? = nil) {
        self.limits = limits
        let isServer = if case .server = role { true } else { false }
        self.compression = compression.map { CompressionContexts($0, isServer: isServer) }
        switch role {
        case .client(let maskKeys): self.maskKeys = maskKeys
        case .server: self.maskKeys = nil
        }
    }

    /// Whether this is the server's end.
    public var isServer: Bool { maskKeys == nil }

    /// Whether a compressor or an inflater is held.
    package var holdsCompressionContext: Bool { compression.map { !$0.isEmpty } ?? false }

    // What is asked for each message is `mutating`, here and in the other files, though nothing changes: a class that
    // holds a machine would else copy all of it to ask.

    /// Memory held for an unfinished message.
    package var bytesBuffered: Int { mutating get { assembler.capacity &+ controlPayload.capacity } }

    /// How many messages have begun to arrive in more than one piece.
    package internal(set) var messagesInPieces: UInt32 = 0

    /// Whether something has begun to arrive that is not complete, be it a frame's header.
    package var isMidInput: Bool {
        mutating get { assembler.isActive || frame != nil || !partialHeader.isEmpty }
    }

    /// Whether a data message has begun to arrive and is not complete.
    package var isMidMessage: Bool { assembler.isActive }
}

/// What the peer's bytes came to.
public enum ProtocolEvent: Hashable, Sendable {
    /// A whole text message (RFC 6455 section 5.6).
    case text(String)
    /// A whole binary message (RFC 6455 section 5.6).
    case binary([UInt8])
    /// A part of a message, while `delivery` is `.fragments`.
    case fragment(MessageFragment)
    /// A ping. Its pong is queued already, while the connection is open (RFC 6455 section 5.5.2).
    case ping([UInt8])
    /// A pong, asked for or not (RFC 6455 section 5.5.3).
    case pong([UInt8])
    /// The peer's close frame. The reply with the same code is queued already, unless we had sent ours
    /// (RFC 6455 section 5.5.1).
    case close(CloseFrame)
    /// The peer broke a rule or a limit. The close frame is queued already, unless we had sent one; nothing of the bad
    /// frame is delivered, and what follows is swallowed (RFC 6455 section 7.1.7).
    case failure(ProtocolFailure)
}

/// How received messages are handed out.
public enum Delivery: Hashable, Sendable {
    /// Whole: fragments are joined.
    case messages
    /// Part by part, without holding the whole.
    case fragments
}

/// Frames and payload bytes that went each way, data and control alike.
public struct FrameCounters: Hashable, Sendable {
    /// Frames received whole. A data frame with which its message fails is not among them.
    public var framesReceived = 0
    /// Payload bytes of the frames received whole.
    public var bytesReceived = 0
    /// Frames queued for sending.
    public var framesSent = 0
    /// Payload bytes of the frames queued for sending.
    public var bytesSent = 0

    /// Nothing has gone through yet: all are 0.
    public init() {}
}

/// What one message may cost the receiver (RFC 6455 section 10.4).
///
/// Everything is checked at the frame header, before anything of the claimed size is allocated.
public struct MessageLimits: Hashable, Sendable {
    /// The payload bytes of a whole message. 1 MiB unless told otherwise.
    public var maxMessageSize: Int
    /// The payload bytes of one data frame; `nil`, the default, means `maxMessageSize`.
    public var maxFrameSize: Int?
    /// The frames of one message, empty ones included. 1,024 unless told otherwise.
    public var maxFragments: Int
    /// The payload bytes of a message that is handed out part by part, and so never held as a whole. It is then its
    /// only limit beside `maxFrameSize` and `maxInflationRatio`. `nil`, the default: such a message has the limits of
    /// any other.
    public var maxStreamedSize: Int?
    /// How many times as long as it came a compressed message may become; `nil`, the default, for any. It is judged
    /// while the message is inflated, from 64 KiB on.
    public var maxInflationRatio: Int?

    /// Limits by their parts, each with the default that its property names.
    public init(
        maxMessageSize: Int = 1 << 20, maxFrameSize: Int? = nil, maxFragments: Int = 1024,
        maxInflationRatio: Int? = nil,
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

    /// How long a message of at most `size` bytes may be while it is compressed. What does not compress becomes a
    /// little longer; and bytes that inflate to nothing have to end somewhere.
    static func compressed(_ size: Int) -> Int {
        let (sum, overflow) = size.addingReportingOverflow(size / 8 + 64)
        return overflow ? .max : sum
    }
}

/// What is left to parse of one read: a view of the caller's memory, which is unmasked in place.
@safe
package struct InputWindow {
    /// The bytes not parsed yet.
    package var remaining: UnsafeMutableRawBufferPointer

    /// - Parameter bytes: memory that stays valid, and that nobody else touches, while the window is in use.
    package init(_ bytes: UnsafeMutableRawBufferPointer) {
        unsafe remaining = bytes
    }

    package var isEmpty: Bool { unsafe remaining.isEmpty }

    package var count: Int { unsafe remaining.count }

    /// Takes `count` bytes from the front; the caller has checked that they are there.
    mutating func take(_ count: Int) -> UnsafeMutableRawBufferPointer {
        // Safety: `count` is at most `remaining.count`, which every caller has just compared.
        let taken = unsafe UnsafeMutableRawBufferPointer(rebasing: remaining[..<count])
        unsafe remaining = UnsafeMutableRawBufferPointer(rebasing: remaining[count...])
        return unsafe taken
    }

    /// Puts back what `take` has just given, or the end of it.
    mutating func putBack(_ bytes: UnsafeMutableRawBufferPointer) {
        // Safety: both lie in the caller's memory, `bytes` straight before what remains.
        unsafe remaining = UnsafeMutableRawBufferPointer(
            start: bytes.baseAddress, count: bytes.count &+ remaining.count)
    }
}
