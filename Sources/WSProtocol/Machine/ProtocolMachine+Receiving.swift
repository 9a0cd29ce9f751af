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

    /// The next event in `input`, or `nil` when all of it has been taken in and the memory may be used again; or, with input
    /// left, when no more may be inflated for now.
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

    private func readPartialHeader() -> HeaderStep {
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
        // A checked span becomes a string in a third of the time that `String(validating:as:)` takes for a short message.
        let bytes = unsafe payload.assumingMemoryBound(to: UInt8.self)
        guard let text = try? unsafe UTF8Span(validating: bytes.span) else { return fail(.textNotUTF8) }
        countReceived(header.payloadCount)
        return .text(String(copying: text))
    }

    /// From this length on, one pass that copies and unmasks beats two: for less, the standard library's ready-made
    /// conversion of a buffer to an array is so much faster than `init(unsafeUninitializedCapacity:)` that it pays for both.
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
        let event = header.isFinal ? assembler.finish() : assembler.takeFragment()
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
