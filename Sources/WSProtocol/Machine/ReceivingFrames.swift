extension ProtocolMachine {
    /// Takes what the peer sent, cut anywhere.
    ///
    /// - Parameter bytes: the next bytes of the stream.
    /// - Returns: what they came to, in order. What has to be answered is queued in `output`.
    public mutating func receive(_ bytes: [UInt8]) -> [ProtocolEvent] {
        var bytes = bytes
        var events: [ProtocolEvent] = []
        unsafe bytes.withUnsafeMutableBytes { memory in
            var input = unsafe InputWindow(memory)
            while let event = nextEvent(&input) {
                events.append(event)
            }
        }
        return events
    }

    /// The next event in `input`, or `nil` when all of it has been taken in and the memory may be used again; or, with
    /// input left, when no more may be inflated for now.
    package mutating func nextEvent(_ input: inout InputWindow) -> ProtocolEvent? {
        while !input.isEmpty {
            guard state == .open || state == .closeSent, heldEnd == nil else {
                _ = unsafe input.take(input.count)
                return nil
            }
            if frame == nil {
                switch nextHeader(&input) {
                case .incomplete: return nil
                case .invalid(let kind): return fail(kind)
                case .complete(let header):
                    if let event = beginFrame(header, &input) { return event }
                }
            }
            if let event = continueFrame(&input) { return event }
            if !mayInflate { return nil }
        }
        return nil
    }

    /// Reads a header straight from the input, or by way of `partialHeader` when it comes in pieces.
    @inline(__always)
    private mutating func nextHeader(_ input: inout InputWindow) -> HeaderStep {
        if partialHeader.isEmpty {
            let step = unsafe readHeader(UnsafeRawBufferPointer(input.remaining))
            if case .complete(let header) = step {
                _ = unsafe input.take(header.size)
            }
            if case .incomplete = step {} else { return step }
        }
        return nextHeaderInPieces(&input)
    }

    @inline(never)
    private mutating func nextHeaderInPieces(_ input: inout InputWindow) -> HeaderStep {
        while !input.isEmpty {
            unsafe partialHeader.append(input.take(1)[0])
            let step = readPartialHeader()
            if case .incomplete = step { continue }
            partialHeader.clear()
            return step
        }
        return .incomplete
    }

    private mutating func readPartialHeader() -> HeaderStep {
        let partial = partialHeader
        return unsafe partial.withBytes { unsafe readHeader($0) }
    }

    /// Opens a frame, and is done with it at once when all of it is here: the usual case.
    @inline(__always)
    private mutating func beginFrame(_ header: FrameHeader, _ input: inout InputWindow) -> ProtocolEvent? {
        if header.isFinal, header.opcode == .text || header.opcode == .binary, input.count >= header.payloadCount,
            state == .open, delivery == .messages, !header.isCompressed
        {
            return unsafe wholeMessage(header, input.take(header.payloadCount))
        }
        if !header.opcode.isControl {
            if header.opcode != .continuation {
                assembler.begin(
                    isText: header.opcode == .text, isCompressed: header.isCompressed, mode: assemblyMode)
                messagesInPieces &+= 1
            }
            assembler.announce(header.payloadCount)
        }
        frame = header
        frameRemaining = header.payloadCount
        return nil
    }

    /// Hands out in parts, from here on, the message that has begun to arrive as a whole, if one has.
    ///
    /// - Returns: what has come of it, if any of that can be handed out.
    package mutating func streamMessageInProgress() -> MessageFragment? {
        guard assembler.isActive, assembler.mode == .whole else { return nil }
        assembler.beginStreaming()
        guard case .fragment(let fragment)? = assembler.takeFragment() else { return nil }
        return fragment
    }

    private var assemblyMode: MessageAssembler.Mode {
        guard state == .open else { return .discarded }
        return delivery == .fragments ? .streamed : .whole
    }

    /// A message in one frame that lies before us.
    @inline(__always)
    private mutating func wholeMessage(
        _ header: FrameHeader, _ payload: UnsafeMutableRawBufferPointer
    ) -> ProtocolEvent? {
        let key = header.mask ?? 0
        if header.opcode == .binary {
            countReceived(header.payloadCount)
            if payload.count >= Self.fusedCopyThreshold {
                return unsafe .binary(Self.unmaskedCopy(of: payload, key: key))
            }
        }
        if key != 0 { unsafe Mask.apply(key, to: payload) }
        guard header.opcode == .text else { return unsafe .binary([UInt8](UnsafeRawBufferPointer(payload))) }
        guard unsafe UTF8Validator.isValid(UnsafeRawBufferPointer(payload)) else { return fail(.textNotUTF8) }
        countReceived(header.payloadCount)
        // A checked span becomes a string in a third of the time that `String(validating:as:)` takes for a short
        // message.
        let units = unsafe payload.assumingMemoryBound(to: UInt8.self)
        return .text(String(copying: unsafe UTF8Span(unchecked: unsafe units.span)))
    }

    /// From this length on, one pass that copies and unmasks beats two: for less, the standard library's ready-made
    /// conversion of a buffer to an array is so much faster than `init(unsafeUninitializedCapacity:)` that it pays for
    /// both.
    private static var fusedCopyThreshold: Int { 2048 }

    private static func unmaskedCopy(of payload: UnsafeMutableRawBufferPointer, key: UInt32) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: payload.count) { target, initialized in
            initialized = payload.count
            guard let base = target.baseAddress else { return }
            // Safety: the array has room for `payload.count` bytes.
            unsafe Mask.copy(UnsafeRawBufferPointer(payload), to: UnsafeMutableRawPointer(base), key: key)
        }
    }

    /// Takes what is here of the frame in progress, and ends it when that is all.
    private mutating func continueFrame(_ input: inout InputWindow) -> ProtocolEvent? {
        guard let header = frame else { return nil }
        let isControl = header.opcode.isControl
        if assembler.isCompressed, !isControl { return continueCompressedFrame(header, &input) }
        let part = unsafe input.take(min(frameRemaining, input.count))
        let key = header.mask ?? 0
        if isControl {
            unsafe Mask.apply(key, to: part)
            unsafe controlPayload.append(contentsOf: part)
        } else {
            let limit = header.isFinal ? assembler.announcedCount : limits.maxMessageSize
            guard unsafe assembler.append(part, key: key, capacityLimit: limit) else { return fail(.textNotUTF8) }
        }
        frameRemaining &-= part.count
        frame?.mask = Mask.advance(key, by: part.count)
        guard frameRemaining == 0 else { return isControl ? nil : assembler.takeFragment() }
        frame = nil
        guard isControl else { return endDataFrame(header) }
        countReceived(header.payloadCount)
        return endControlFrame(header.opcode)
    }

    /// A data frame that fails its message is not counted: cut otherwise, it would have failed before it was complete.
    mutating func endDataFrame(_ header: FrameHeader) -> ProtocolEvent? {
        if header.isFinal, showsMessages { isShownText = assembler.isText }
        let event = header.isFinal ? assembler.finish(isShown: showsMessages) : assembler.takeFragment()
        if case .failure(let failure) = event { return fail(failure.kind) }
        countReceived(header.payloadCount)
        return event
    }

    @inline(__always)
    mutating func countReceived(_ payloadCount: Int) {
        counters.framesReceived &+= 1
        counters.bytesReceived &+= payloadCount
    }
}

extension ProtocolMachine {
    /// What the first bytes of a frame came to.
    enum HeaderStep {
        case incomplete
        case complete(FrameHeader)
        case invalid(ProtocolFailure.Kind)
    }

    /// Reads a header (RFC 6455 section 5.2). Each rule is applied as soon as the bytes that it is about are there, so
    /// a bad length is refused before the mask comes, and before anything of that length is allocated.
    ///
    /// It and what it asks change nothing. They are `mutating` since the machine would be copied for a call that only
    /// borrows it.
    @inline(__always)
    mutating func readHeader(_ bytes: UnsafeRawBufferPointer) -> HeaderStep {
        guard bytes.count >= 2 else { return .incomplete }
        // Safety: each load ends at or before a count that has just been checked.
        let first = unsafe bytes.load(fromByteOffset: 0, as: UInt8.self)
        let second = unsafe bytes.load(fromByteOffset: 1, as: UInt8.self)
        let opcode = Opcode(rawValue: first & 0x0F)
        if let kind = violation(first, second, opcode) { return .invalid(kind) }
        var size = 2
        var length = UInt64(second & 0x7F)
        if length == 126 {
            size = 4
            guard bytes.count >= size else { return .incomplete }
            length = unsafe UInt64(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
            guard length >= 126 else { return .invalid(.lengthNotMinimal(length)) }
        } else if length == 127 {
            size = 10
            guard bytes.count >= size else { return .incomplete }
            length = unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
            guard length > 0xFFFF else { return .invalid(.lengthNotMinimal(length)) }
        }
        guard let count = Int(exactly: length) else { return .invalid(.lengthTopBitSet(length)) }
        let isCompressed = first & 0x40 != 0
        if !opcode.isControl, let kind = excess(opcode, count, isCompressed) { return .invalid(kind) }
        var mask: UInt32?
        if second & 0x80 != 0 {
            guard bytes.count >= size &+ 4 else { return .incomplete }
            mask = unsafe UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: size, as: UInt32.self))
        }
        return .complete(
            FrameHeader(
                isFinal: first & 0x80 != 0, opcode: opcode, payloadCount: count, mask: mask, isCompressed: isCompressed)
        )
    }

    /// The rule that the first two bytes break, if any.
    @inline(__always)
    private mutating func violation(_ first: UInt8, _ second: UInt8, _ opcode: Opcode) -> ProtocolFailure.Kind? {
        let isMasked = second & 0x80 != 0
        let isSound = first & 0x70 == 0 && isMasked == isServer && !opcode.isControl && opcode.isDefined
        if isSound && (opcode == .continuation) == assembler.isActive { return nil }
        return slowViolation(first, second, opcode)
    }

    @inline(never)
    private mutating func slowViolation(_ first: UInt8, _ second: UInt8, _ opcode: Opcode) -> ProtocolFailure.Kind? {
        // "This bit MUST NOT be set on control frames", and of a message's frames the first has it (RFC 7692 section
        // 6).
        if first & 0x40 != 0, compression == nil || opcode.isControl || opcode == .continuation {
            return .reservedBit(1)
        }
        if first & 0x20 != 0 { return .reservedBit(2) }
        if first & 0x10 != 0 { return .reservedBit(3) }
        guard opcode.isDefined else { return .reservedOpcode(opcode) }
        if second & 0x80 == 0, isServer { return .unmaskedFrame }
        if second & 0x80 != 0, !isServer { return .maskedFrame }
        if opcode.isControl {
            if first & 0x80 == 0 { return .fragmentedControlFrame(opcode) }
            return second & 0x7F > 125 ? .controlPayloadTooLong(count: Int(second & 0x7F)) : nil
        }
        if (opcode == .continuation) == assembler.isActive { return nil }
        return opcode == .continuation ? .unexpectedContinuation : .messageInterrupted(by: opcode)
    }

    /// The limit that a data frame of `count` bytes breaks, if any. What will be thrown away has no limit.
    @inline(__always)
    private mutating func excess(_ opcode: Opcode, _ count: Int, _ isCompressed: Bool) -> ProtocolFailure.Kind? {
        guard state == .open else { return nil }
        if let limit = limits.maxFrameSize, count > limit {
            return .frameTooBig(count: count, limit: limit)
        }
        let isContinuation = opcode == .continuation
        let (total, overflow) = count.addingReportingOverflow(isContinuation ? assembler.announcedCount : 0)
        let mayBeLonger = isCompressed || assembler.isCompressed
        if delivery == .fragments || assembler.mode == .streamed, let limit = streamedLimit(isContinuation) {
            let isTooBig = overflow || total > (mayBeLonger ? MessageLimits.compressed(limit) : limit)
            return isTooBig ? .streamedTooBig(limit: limit) : nil
        }
        if overflow || total > (mayBeLonger ? MessageLimits.compressed(limits.maxMessageSize) : limits.maxMessageSize) {
            return .messageTooBig(count: overflow ? .max : total, limit: limits.maxMessageSize)
        }
        let frames = isContinuation ? assembler.frameCount : 0
        return frames >= limits.maxFragments ? .tooManyFragments(limit: limits.maxFragments) : nil
    }

    /// The limit of a message that is handed out in parts, if a frame belongs to such a one and there is a limit of its
    /// own.
    @inline(never)
    private mutating func streamedLimit(_ isContinuation: Bool) -> Int? {
        (isContinuation ? assembler.mode == .streamed : delivery == .fragments) ? limits.maxStreamedSize : nil
    }
}

/// Receiving compressed messages (RFC 7692 section 6.2).
extension ProtocolMachine {
    /// Whether more may be inflated for now. If not, `nextEvent` may leave input behind.
    @inlinable
    package var mayInflate: Bool {
        mutating get {
            guard let compression else { return true }
            return compression.inflationAllowance > 0
        }
    }

    /// From now on about so many bytes may be inflated until this is called again; without it, any number.
    package mutating func allowInflation(of count: Int) { compression?.inflationAllowance = count }

    /// Takes what is here of a frame of a compressed message, and ends the frame when that is all.
    @inline(never)
    mutating func continueCompressedFrame(_ header: FrameHeader, _ input: inout InputWindow) -> ProtocolEvent? {
        let part = unsafe input.take(min(frameRemaining, input.count))
        var taken = part.count
        if assembler.mode != .discarded {
            guard let compression, let inflater = compression.decompressor() else { return fail(.cannotInflate) }
            let key = header.mask ?? 0
            unsafe Mask.apply(key, to: part)
            switch unsafe assembler.inflate(
                UnsafeRawBufferPointer(part), with: inflater, within: inflatedLimits,
                allowance: &compression.inflationAllowance)
            {
            case .failed(let kind): return fail(named(kind))
            case .consumed(let count): taken = count
            }
            if taken < part.count {
                // Too much came out of it to go on at once: the rest goes back as it came.
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: part[taken...])
                unsafe Mask.apply(Mask.advance(key, by: taken), to: rest)
                unsafe input.putBack(rest)
            }
        }
        frameRemaining &-= taken
        frame?.mask = header.mask.map { Mask.advance($0, by: taken) }
        guard frameRemaining == 0 else { return assembler.takeFragment() }
        frame = nil
        return header.isFinal ? endCompressedMessage(header) : endDataFrame(header)
    }

    /// The limits of the message that arrives.
    private var inflatedLimits: MessageLimits {
        guard assembler.mode == .streamed, let limit = limits.maxStreamedSize else { return limits }
        var streamed = limits
        streamed.maxMessageSize = limit
        return streamed
    }

    /// The failure by the name of the limit that was broken.
    private func named(_ kind: ProtocolFailure.Kind) -> ProtocolFailure.Kind {
        guard case .inflatedTooBig(let limit) = kind, assembler.mode == .streamed, limits.maxStreamedSize != nil else {
            return kind
        }
        return .streamedTooBig(limit: limit)
    }

    private mutating func endCompressedMessage(_ header: FrameHeader) -> ProtocolEvent? {
        if assembler.mode != .discarded, let compression {
            guard let inflater = compression.decompressor() else { return fail(.cannotInflate) }
            if let kind = assembler.finishInflating(with: inflater, within: inflatedLimits) { return fail(named(kind)) }
            compression.endReceivedMessage()
        }
        return endDataFrame(header)
    }
}

/// An end that waits.
///
/// A message and the close, or the violation, behind it often arrive together. Were the end acted on as soon as it is
/// read, our close frame would stand in the output before whoever got the message has run, and the answer could not be
/// sent any more. While an end is held, sending goes on as if it had not come, and what follows it is swallowed.
extension ProtocolMachine {
    /// Boxed: almost no connection has one at any time.
    @usableFromInline
    indirect enum HeldEnd: Sendable {
        case close(CloseFrame)
        case failure(ProtocolFailure.Kind)
    }

    /// Whether there is an end that waits.
    @inlinable package var isEndHeld: Bool { mutating get { heldEnd != nil } }

    /// Acts on the end that was held back.
    ///
    /// - Returns: the event that it is; `nil` when none was held.
    package mutating func takeHeldEnd() -> ProtocolEvent? {
        holdsEnd = false
        guard let end = heldEnd else { return nil }
        heldEnd = nil
        return switch end {
        case .close(let close): self.end(close)
        case .failure(let kind): fail(kind)
        }
    }
}
