/// Receiving compressed messages (RFC 7692 section 6.2).
extension ProtocolMachine {
    /// Whether more may be inflated for now. If not, `nextEvent` may leave input behind.
    package var mayInflate: Bool {
        guard let compression else { return true }
        return compression.inflationAllowance > 0
    }

    /// From now on about so many bytes may be inflated until this is called again; without it, any number.
    package func allowInflation(of count: Int) { compression?.inflationAllowance = count }

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
    private var inflatedLimits: Limits {
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
