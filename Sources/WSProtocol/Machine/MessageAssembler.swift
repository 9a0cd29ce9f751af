/// Joins the parts of one message, and checks text as it comes (RFC 6455 sections 5.4 and 8.1).
///
/// Memory grows with what has arrived, never with what a header claims.
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
    private(set) var isActive = false
    /// The frames of this message so far.
    private(set) var frameCount = 0
    /// The payload bytes of this message that its frame headers have announced.
    private(set) var announcedCount = 0
    var bytes: [UInt8] = []
    /// The payload bytes of this message that have been inflated.
    var inflatedCount = 0
    var validator = UTF8Validator()
    private var isFirst = true

    /// Memory held.
    var capacity: Int { bytes.capacity }

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
        let start = bytes.count
        let needed = start &+ part.count
        if bytes.capacity < needed {
            bytes.reserveCapacity(max(needed, min(needed &* 2, capacityLimit)))
        }
        bytes.append(addingCapacity: part.count) { span in
            unsafe span.withUnsafeMutableBufferPointer { target, initialized in
                guard let base = target.baseAddress else { return }
                // Safety: the array has made room for `part.count` bytes behind those that are initialised.
                unsafe Mask.copy(
                    UnsafeRawBufferPointer(part), to: UnsafeMutableRawPointer(base + initialized), key: key)
                initialized &+= part.count
            }
        }
        guard isText else { return true }
        return unsafe bytes.withUnsafeBytes { all in
            unsafe validator.firstInvalid(in: UnsafeRawBufferPointer(rebasing: all[start...])) == nil
        }
    }

    /// Ends the message.
    ///
    /// - Returns: the whole, the last part, or nothing when it was discarded; a failure when text ends inside a character.
    mutating func finish() -> ProtocolEvent? {
        guard !isText || validator.isComplete else { return .failure(ProtocolFailure(.textNotUTF8)) }
        defer { self = MessageAssembler() }
        switch mode {
        case .discarded: return nil
        case .streamed: return .fragment(fragment(isFinal: true))
        case .whole: return isText ? .text(String(decoding: bytes, as: UTF8.self)) : .binary(bytes)
        }
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
        let payload: MessageFragment.Payload = isText ? .text(String(decoding: bytes, as: UTF8.self)) : .binary(bytes)
        bytes = held
        defer { isFirst = false }
        return MessageFragment(payload: payload, isFirst: isFirst, isFinal: isFinal)
    }
}
