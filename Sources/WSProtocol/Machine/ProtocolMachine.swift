/// One end of a WebSocket connection: bytes in, events out, bytes out (RFC 6455).
///
/// It does no I/O, and knows neither time nor chance: the owner feeds `receive` with what the peer sent, acts on the events,
/// and writes what stands in `output`. What the peer does wrong never throws: the right close frame is queued, and the
/// failure is reported as an event. Only the caller's own mistakes throw, as `ProtocolMisuse`.
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

    public var limits: Limits
    public internal(set) var state = State.open
    public var counters = Counters()
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

    /// Whether the end of the connection, be it the peer's close or a violation, is held back until `takeHeldEnd`: so that
    /// what came in front of it can be answered first.
    package var holdsEnd = false
    var heldEnd: HeldEnd?

    // What is being sent.
    var pendingPong: [UInt8]?
    var sendingKind: Opcode?

    /// - Parameter compression: what the handshake agreed on; `nil`: nothing is compressed.
    public init(role: Role, limits: Limits = .init(), compression: CompressionAgreement? = nil) {
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

    /// Memory held for an unfinished message.
    package var bytesBuffered: Int { assembler.capacity &+ controlPayload.capacity }

    /// How many messages have begun to arrive in more than one piece.
    package internal(set) var messagesInPieces: UInt32 = 0

    /// Whether something has begun to arrive that is not complete, be it a frame's header.
    package var isMidInput: Bool { assembler.isActive || frame != nil || !partialHeader.isEmpty }

    /// Whether a data message has begun to arrive and is not complete.
    package var isMidMessage: Bool { assembler.isActive }
}
