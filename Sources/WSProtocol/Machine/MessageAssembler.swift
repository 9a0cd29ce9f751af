/// Joins the parts of one message, and checks text as it comes (RFC 6455 sections 5.4 and 8.1).
///
/// Memory grows with what has arrived, never with what a header claims. What is kept until the message is complete is
/// kept in segments: an array that grows would for a while take twice and three times what the message is. One made at
/// once for the length that a header claims, be it when a quarter has come, would count in full for what all connections
/// may hold (S24).
@usableFromInline
struct MessageAssembler: Sendable {
    /// What is done with the payload.
    enum Mode: Sendable {
        /// Kept until the message is complete.
        case whole
        /// Handed out as it comes.
        case streamed
        /// Thrown away: we have sent our close frame.
        case discarded
    }

    private(set) var isText = false
    private(set) var isCompressed = false
    private(set) var mode = Mode.whole
    @usableFromInline private(set) var isActive = false
    /// The frames of this message so far.
    private(set) var frameCount = 0
    /// The payload bytes of this message that its frame headers have announced.
    private(set) var announcedCount = 0
    /// The segments that are full, in order.
    @usableFromInline private(set) var segments: [[UInt8]] = []
    /// What has come last: the segment that is being filled, or all there is.
    @usableFromInline var bytes: [UInt8] = []
    /// The payload bytes of this message that have been inflated.
    var inflatedCount = 0
    /// The bytes that those came of.
    var deflatedCount = 0
    var validator = UTF8Validator()
    private var isFirst = true

    /// How long a segment is: with the array's own 32 bytes a power of two.
    @inlinable static var segmentSize: Int { (1 << 16) - 32 }

    /// So many bytes of text are unmasked and then checked, while they are in the processor's nearest cache.
    private static let checkedCount = 1 << 14

    /// Memory held.
    @inlinable var capacity: Int { segments.count &* Self.segmentSize &+ bytes.capacity }

    mutating func begin(isText: Bool, isCompressed: Bool, mode: Mode) {
        self = MessageAssembler()
        self.isText = isText
        self.isCompressed = isCompressed
        self.mode = mode
        isActive = true
    }

    /// A frame of this message begins.
    mutating func announce(_ count: Int) {
        frameCount &+= 1
        announcedCount &+= count
    }

    /// Keeps nothing from here on. What remains of the message is still checked, unless it is compressed.
    mutating func discard() {
        segments = []
        bytes = []
        if isCompressed { validator = UTF8Validator() }
        mode = .discarded
    }

    /// Takes a part of a frame's payload.
    ///
    /// - Parameters:
    ///   - part: masked with `key`, and unmasked in place only when it is not kept.
    ///   - capacityLimit: how large the message can still become, as far as is known.
    /// - Returns: whether it is good so far: text must be UTF-8.
    mutating func append(_ part: UnsafeMutableRawBufferPointer, key: UInt32, capacityLimit: Int) -> Bool {
        guard mode != .discarded else {
            unsafe Mask.apply(key, to: part)
            return unsafe !isText || validator.firstInvalid(in: UnsafeRawBufferPointer(part)) == nil
        }
        var (offset, key) = (0, key)
        while offset < part.count {
            let wanted = isText ? min(Self.checkedCount, part.count &- offset) : part.count &- offset
            let count = min(wanted, room(upTo: capacityLimit, wanting: part.count &- offset))
            let piece = unsafe UnsafeRawBufferPointer(rebasing: part[offset..<(offset &+ count)])
            guard unsafe appendUnmasked(piece, key: key) else { return false }
            key = Mask.advance(key, by: count)
            offset &+= count
        }
        return true
    }

    /// Makes room in `bytes`, in a new segment if the last one is full.
    ///
    /// - Parameters:
    ///   - limit: how long the message can become.
    ///   - count: how much there is to be put into it.
    /// - Returns: for how many bytes there is room now: at least one, perhaps fewer than `count`.
    mutating func room(upTo limit: Int, wanting count: Int) -> Int {
        // Handed out as it comes, it needs no segments.
        guard mode == .whole else {
            let needed = bytes.count &+ count
            if bytes.capacity < needed { bytes.reserveCapacity(max(needed, min(needed &* 2, limit))) }
            return count
        }
        if bytes.count >= Self.segmentSize {
            segments.append(bytes)
            bytes = []
        }
        let segment = min(Self.segmentSize, max(1, limit &- segments.count &* Self.segmentSize))
        let needed = min(bytes.count &+ count, max(segment, bytes.count &+ 1))
        if bytes.capacity < needed {
            bytes.reserveCapacity(segments.isEmpty ? max(needed, min(needed &* 2, segment)) : max(needed, segment))
        }
        return needed &- bytes.count
    }

    /// - Returns: whether it is good so far.
    private mutating func appendUnmasked(_ part: UnsafeRawBufferPointer, key: UInt32) -> Bool {
        let start = bytes.count
        bytes.append(addingCapacity: part.count) { span in
            unsafe span.withUnsafeMutableBufferPointer { target, initialized in
                guard let base = target.baseAddress else { return }
                // Safety: the array has made room for `part.count` bytes behind those that are initialised.
                unsafe Mask.copy(part, to: UnsafeMutableRawPointer(base + initialized), key: key)
                initialized &+= part.count
            }
        }
        return !isText || isUTF8(from: start)
    }

    /// Whether what stands in `bytes` from there on can go on what came before.
    mutating func isUTF8(from start: Int) -> Bool {
        unsafe bytes.withUnsafeBytes { all in
            unsafe validator.firstInvalid(in: UnsafeRawBufferPointer(rebasing: all[start...])) == nil
        }
    }

    /// Ends the message.
    ///
    /// - Returns: the whole, the last part, or nothing when it was discarded; a failure when text ends inside a
    ///   character.
    ///
    /// - Parameter isShown: whether text is wanted as the bytes that it is.
    mutating func finish(isShown: Bool) -> ProtocolEvent? {
        guard !isText || validator.isComplete else { return .failure(ProtocolFailure(.textNotUTF8)) }
        defer { self = MessageAssembler() }
        switch mode {
        case .discarded: return nil
        case .streamed: return .fragment(fragment(isFinal: true))
        case .whole: return isText && !isShown ? .text(wholeText()) : .binary(wholeBytes())
        }
    }

    private func wholeText() -> String {
        // Safety: it was checked as it came.
        guard !segments.isEmpty else { return String(copying: unsafe UTF8Span(unchecked: bytes.span)) }
        let count = segments.count &* Self.segmentSize &+ bytes.count
        return unsafe String(unsafeUninitializedCapacity: count) { target in unsafe join(into: target) }
    }

    private func wholeBytes() -> [UInt8] {
        guard !segments.isEmpty else { return bytes }
        let count = segments.count &* Self.segmentSize &+ bytes.count
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
            initialized = unsafe join(into: target)
        }
    }

    /// Copies everything, and returns how much that was.
    private func join(into target: UnsafeMutableBufferPointer<UInt8>) -> Int {
        var count = 0
        // Safety: `target` has room for all segments, which are as long as their count says.
        for segment in segments {
            count &+= unsafe UnsafeMutableBufferPointer(rebasing: target[count...]).update(fromContentsOf: segment)
        }
        return unsafe count
            &+ UnsafeMutableBufferPointer(rebasing: target[count...]).update(fromContentsOf: bytes)
    }

    /// From here on the message is handed out as it comes; what was kept of it is the first part.
    mutating func beginStreaming() {
        bytes = wholeBytes()
        segments = []
        mode = .streamed
    }

    /// What can be handed out before the message is complete.
    mutating func takeFragment() -> ProtocolEvent? {
        guard mode == .streamed, bytes.count > validator.pendingCount else { return nil }
        return .fragment(fragment(isFinal: false))
    }

    /// All that has been kept, but for the beginning of a character whose end has not come.
    private mutating func fragment(isFinal: Bool) -> MessageFragment {
        let held = Array(bytes.suffix(validator.pendingCount))
        bytes.removeLast(held.count)
        let payload: MessagePayload = isText ? .text(String(decoding: bytes, as: UTF8.self)) : .binary(bytes)
        bytes = held
        defer { isFirst = false }
        return MessageFragment(payload: payload, isFirst: isFirst, isFinal: isFinal)
    }
}

extension MessageAssembler {
    /// How a part of a compressed message was taken.
    enum Inflation {
        /// So many bytes of it were, and all that they stand for has come out. Those left are for the next call: as
        /// much as one fragment should hold, or as was allowed, has come out already.
        case consumed(Int)
        case failed(ProtocolFailure.Kind)
    }

    /// A message that is handed out part by part is inflated to parts of about this length.
    static var inflatedPartCount: Int { 1 << 16 }

    /// Inflates a part of the message. What comes out is bounded while it does, by the limit of a whole message and,
    /// where it is handed out in parts, by the length of one.
    ///
    /// - Parameter allowance: how much may come out for now, about; less by what has come out when this returns.
    mutating func inflate(
        _ part: UnsafeRawBufferPointer, with inflater: Inflater, within limits: MessageLimits, allowance: inout Int
    ) -> Inflation {
        let limit = limits.maxMessageSize
        var consumed = 0
        while true {
            // One byte more than may come, to see it coming.
            let wanted = min(max(256, (part.count &- consumed) &* 4), 1 << 14, max(0, limit &- inflatedCount)) &+ 1
            let room = room(upTo: max(limit, limit &+ 1), wanting: wanted)
            let start = bytes.count
            let rest = unsafe UnsafeRawBufferPointer(rebasing: part[consumed...])
            let progress = unsafe appendInflated(rest, with: inflater, room: room)
            consumed &+= progress.consumed
            deflatedCount &+= progress.consumed
            inflatedCount &+= progress.produced
            allowance &-= progress.produced
            // The bad byte first: whether it comes in one step with the limit depends on where the stream is cut.
            if isText, !isUTF8(from: start) { return .failed(.textNotUTF8) }
            if inflatedCount > limit { return .failed(.inflatedTooBig(limit: limit)) }
            if let ratio = limits.maxInflationRatio, inflatedCount > MessageLimits.inflatedFreely,
                inflatedCount / max(ratio, 1) > deflatedCount
            {
                return .failed(.inflatedTooFar(ratio: ratio))
            }
            let isStuck = consumed < part.count && progress.consumed == 0 && progress.produced == 0
            if progress.isMalformed || isStuck { return .failed(.malformedCompression) }
            if consumed == part.count {
                if progress.produced < room { return .consumed(consumed) }
            } else if allowance <= 0 || mode == .streamed && bytes.count >= Self.inflatedPartCount {
                return .consumed(consumed)
            }
        }
    }

    /// Ends a compressed message with what its sender left out (RFC 7692 section 7.2.2).
    ///
    /// - Returns: what is wrong with the whole, if anything is.
    mutating func finishInflating(with inflater: Inflater, within limits: MessageLimits) -> ProtocolFailure.Kind? {
        // Of a message without bytes nothing was left out. It should be one byte long, but there are those who send it.
        guard announcedCount > 0 else { return nil }
        // The few bytes that it still may stand for come out at once.
        var allowance = Int.max
        let step = unsafe Deflater.tail.withUnsafeBytes {
            unsafe inflate($0, with: inflater, within: limits, allowance: &allowance)
        }
        if case .failed(let kind) = step { return kind }
        return inflater.isBetweenBlocks ? nil : .malformedCompression
    }

    private mutating func appendInflated(
        _ input: UnsafeRawBufferPointer, with inflater: Inflater, room: Int
    ) -> Inflater.Progress {
        var progress = Inflater.Progress(consumed: 0, produced: 0, isMalformed: false)
        bytes.append(addingCapacity: room) { span in
            unsafe span.withUnsafeMutableBufferPointer { target, initialized in
                // Safety: the array has made room for `room` bytes behind those that are initialised.
                let free = unsafe UnsafeMutableRawBufferPointer(
                    start: target.baseAddress.map { unsafe UnsafeMutableRawPointer($0 + initialized) }, count: room)
                unsafe progress = inflater.inflate(input, into: free)
                initialized &+= progress.produced
            }
        }
        return progress
    }
}

/// What a message, or a part of one, carries (RFC 6455 section 5.6).
public enum MessagePayload: Hashable, Sendable {
    /// Text; valid UTF-8.
    case text(String)
    /// Bytes of any sort.
    case binary([UInt8])

    /// Its length in bytes.
    public var count: Int {
        switch self {
        case .text(let text): text.utf8.count
        case .binary(let bytes): bytes.count
        }
    }

    /// What the first frame of such a message says.
    var opcode: Opcode {
        switch self {
        case .text: .text
        case .binary: .binary
        }
    }
}

/// A part of a message, delivered as it arrives (RFC 6455 section 5.4).
///
/// Where the sender cut its frames means nothing, so a part is whatever could be delivered at once: a long frame comes
/// in several parts, and text is never cut inside a character's encoding.
public struct MessageFragment: Hashable, Sendable {
    /// What the part holds. All parts of one message are of the same kind.
    public var payload: MessagePayload
    /// Whether the message begins with this part.
    public var isFirst: Bool
    /// Whether the message is complete with this part.
    public var isFinal: Bool

    /// A part by what it holds and where it stands, to compare with what a machine delivers.
    public init(payload: MessagePayload, isFirst: Bool, isFinal: Bool) {
        self.payload = payload
        self.isFirst = isFirst
        self.isFinal = isFinal
    }
}
