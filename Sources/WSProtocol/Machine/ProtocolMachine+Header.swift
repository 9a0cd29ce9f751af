extension ProtocolMachine {
    /// What the first bytes of a frame came to.
    enum HeaderStep {
        case incomplete
        case complete(FrameHeader)
        case invalid(ProtocolFailure.Kind)
    }

    /// Reads a header (RFC 6455 section 5.2). Each rule is applied as soon as the bytes that it is about are there, so a bad
    /// length is refused before the mask comes, and before anything of that length is allocated.
    @inline(__always)
    func readHeader(_ bytes: UnsafeRawBufferPointer) -> HeaderStep {
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
    private func violation(_ first: UInt8, _ second: UInt8, _ opcode: Opcode) -> ProtocolFailure.Kind? {
        let isMasked = second & 0x80 != 0
        let isSound = first & 0x70 == 0 && isMasked == isServer && !opcode.isControl && opcode.isDefined
        if isSound && (opcode == .continuation) == assembler.isActive { return nil }
        return slowViolation(first, second, opcode)
    }

    @inline(never)
    private func slowViolation(_ first: UInt8, _ second: UInt8, _ opcode: Opcode) -> ProtocolFailure.Kind? {
        // "This bit MUST NOT be set on control frames", and of a message's frames the first has it (RFC 7692 section 6).
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
    private func excess(_ opcode: Opcode, _ count: Int, _ isCompressed: Bool) -> ProtocolFailure.Kind? {
        guard state == .open else { return nil }
        if let limit = limits.maxFrameSize, count > limit {
            return .frameTooBig(count: count, limit: limit)
        }
        let isContinuation = opcode == .continuation
        let (total, overflow) = count.addingReportingOverflow(isContinuation ? assembler.announcedCount : 0)
        let mayBeLonger = isCompressed || assembler.isCompressed
        if delivery == .fragments || assembler.mode == .streamed, let limit = streamedLimit(isContinuation) {
            let isTooBig = overflow || total > (mayBeLonger ? Limits.compressed(limit) : limit)
            return isTooBig ? .streamedTooBig(limit: limit) : nil
        }
        if overflow || total > (mayBeLonger ? Limits.compressed(limits.maxMessageSize) : limits.maxMessageSize) {
            return .messageTooBig(count: overflow ? .max : total, limit: limits.maxMessageSize)
        }
        let frames = isContinuation ? assembler.frameCount : 0
        return frames >= limits.maxFragments ? .tooManyFragments(limit: limits.maxFragments) : nil
    }

    /// The limit of a message that is handed out in parts, if a frame belongs to such a one and there is a limit of its own.
    @inline(never)
    private func streamedLimit(_ isContinuation: Bool) -> Int? {
        (isContinuation ? assembler.mode == .streamed : delivery == .fragments) ? limits.maxStreamedSize : nil
    }
}
