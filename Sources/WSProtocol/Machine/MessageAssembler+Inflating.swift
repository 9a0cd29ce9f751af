extension MessageAssembler {
    /// How a part of a compressed message was taken.
    enum Inflation {
        /// So many bytes of it were, and all that they stand for has come out. Those left are for the next call: as much as one
        /// fragment should hold, or as was allowed, has come out already.
        case consumed(Int)
        case failed(ProtocolFailure.Kind)
    }

    /// A message that is handed out part by part is inflated to parts of about this length.
    static var inflatedPartCount: Int { 1 << 16 }

    /// Inflates a part of the message. What comes out is bounded while it does, by the limit of a whole message and, where it
    /// is handed out in parts, by the length of one.
    ///
    /// - Parameter allowance: how much may come out for now, about; less by what has come out when this returns.
    mutating func inflate(
        _ part: UnsafeRawBufferPointer, with inflater: Inflater, within limits: Limits, allowance: inout Int
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
            if let ratio = limits.maxInflationRatio, inflatedCount > Limits.inflatedFreely,
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
    mutating func finishInflating(with inflater: Inflater, within limits: Limits) -> ProtocolFailure.Kind? {
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
