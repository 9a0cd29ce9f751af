extension ProtocolMachine {
    /// Queues a text message.
    ///
    /// - Parameter compress: whether to compress it, where that was agreed on; `nil`, the default: from the threshold
    ///   on.
    /// - Returns: its payload's length in bytes, not compressed.
    /// - Throws: `.closed` after the close frame; `.messageUnfinished` inside a fragmented message.
    @discardableResult
    public mutating func send(text: String, compress: Bool? = nil) throws(ProtocolMisuse) -> Int {
        try checkMayBeginMessage()
        if compression != nil, let count = try sendCompressed(text: text, compress) { return count }
        return appendFrame(.text, isFinal: true, text)
    }

    /// Queues a binary message.
    ///
    /// - Parameter compress: whether to compress it, where that was agreed on; `nil`, the default: from the threshold
    ///   on.
    /// - Returns: its payload's length in bytes, not compressed.
    /// - Throws: `.closed` after the close frame; `.messageUnfinished` inside a fragmented message.
    @discardableResult
    public mutating func send(binary: [UInt8], compress: Bool? = nil) throws(ProtocolMisuse) -> Int {
        try checkMayBeginMessage()
        if compression != nil, let count = try sendCompressed(binary: binary, compress) { return count }
        return appendFrame(.binary, isFinal: true, binary)
    }

    /// Queues a copy of a message that is only shown: it is copied, and masked where that is due, straight into
    /// `output`.
    ///
    /// - Parameter compress: as for a text.
    /// - Returns: its payload's length in bytes, not compressed.
    /// - Throws: `.closed` after the close frame; `.messageUnfinished` inside a fragmented message.
    @discardableResult
    public mutating func send(copying message: MessageView, compress: Bool? = nil) throws(ProtocolMisuse) -> Int {
        try checkMayBeginMessage()
        let opcode = message.isText ? Opcode.text : .binary
        let count = message.byteCount
        message.withBytes { bytes in
            unsafe bytes.withUnsafeBytes { payload in
                if compresses(count, compress), unsafe sendCompressed(opcode, payload, frameSize: nil) { return }
                unsafe stage(FrameHeader(isFinal: true, opcode: opcode, payloadCount: count, mask: maskKeys?()), payload)
            }
        }
        return count
    }

    /// Queues a message that was encoded once for many.
    ///
    /// - Returns: its payload's length in bytes.
    /// - Throws: `.closed` after the close frame; `.messageUnfinished` inside a fragmented message.
    @discardableResult
    public mutating func send(_ message: EncodedMessage) throws(ProtocolMisuse) -> Int {
        if compression != nil {
            try checkMayBeginMessage()
            if sendCompressedOnce(message) { return message.payloadCount }
        }
        let compresses = message.isWorthCompressing && compresses(message.payloadCount, nil)
        guard isServer, !message.frame.isEmpty, !compresses else {
            return switch message.payload {
            case .text(let text): try send(text: text, compress: compresses)
            case .binary(let bytes): try send(binary: bytes, compress: compresses)
            }
        }
        try checkMayBeginMessage()
        let target = unsafe output.reserve(message.frame.count)
        // Safety: there is room for the whole frame.
        unsafe message.frame.withUnsafeBytes {
            unsafe target.copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: $0.count)
        }
        output.commit(message.frame.count)
        countSent(message.payloadCount)
        return message.payloadCount
    }

    /// Queues one fragment of a text message (RFC 6455 section 5.4). The first call begins the message.
    ///
    /// - Parameters:
    ///   - isFinal: whether the message ends with it.
    ///   - compress: of the first fragment: whether to compress the message; `nil`, the default: if this fragment
    ///     reaches the threshold.
    /// - Returns: the fragment's length in bytes, not compressed.
    /// - Throws: `.closed` after the close frame; `.fragmentOfOtherKind` inside a binary message.
    @discardableResult
    public mutating func sendFragment(
        text: String, isFinal: Bool, compress: Bool? = nil
    ) throws(ProtocolMisuse) -> Int {
        let opcode = try nextFragmentOpcode(.text, isFinal: isFinal)
        if compression != nil {
            var text = text
            let isSent = text.withUTF8 {
                unsafe appendFragment(opcode, isFinal: isFinal, UnsafeRawBufferPointer($0), compress)
            }
            if isSent { return text.utf8.count }
        }
        return appendFrame(opcode, isFinal: isFinal, text)
    }

    /// Queues one fragment of a binary message (RFC 6455 section 5.4). The first call begins the message.
    ///
    /// - Parameters:
    ///   - isFinal: whether the message ends with it.
    ///   - compress: as for text.
    /// - Returns: the fragment's length in bytes, not compressed.
    /// - Throws: `.closed` after the close frame; `.fragmentOfOtherKind` inside a text message.
    @discardableResult
    public mutating func sendFragment(
        binary: [UInt8], isFinal: Bool, compress: Bool? = nil
    ) throws(ProtocolMisuse) -> Int {
        let opcode = try nextFragmentOpcode(.binary, isFinal: isFinal)
        if compression != nil {
            let isSent = unsafe binary.withUnsafeBytes {
                unsafe appendFragment(opcode, isFinal: isFinal, $0, compress)
            }
            if isSent { return binary.count }
        }
        return appendFrame(opcode, isFinal: isFinal, binary)
    }

    /// Whether a fragmented message has been begun and not finished.
    public var isSendingMessage: Bool { sendingKind != nil }

    /// Queues a ping (RFC 6455 section 5.5.2).
    ///
    /// - Throws: `.closed` after the close frame; `.controlPayloadTooLong` past 125 bytes.
    public mutating func ping(_ payload: [UInt8] = []) throws(ProtocolMisuse) {
        try sendControl(.ping, payload)
    }

    /// Queues a pong that nobody asked for (RFC 6455 section 5.5.3). Pings are answered without this.
    ///
    /// - Throws: `.closed` after the close frame; `.controlPayloadTooLong` past 125 bytes.
    public mutating func pong(_ payload: [UInt8] = []) throws(ProtocolMisuse) {
        try sendControl(.pong, payload)
    }

    /// Queues our close frame (RFC 6455 section 5.5.1). Nothing can be sent after it, and data that still arrives is
    /// thrown away.
    ///
    /// - Parameters:
    ///   - code: `nil` for an empty frame.
    ///   - reason: at most 123 bytes of UTF-8.
    /// - Throws: `.closed` after a close frame; `.forbiddenCloseCode`, `.reasonTooLong`, `.reasonWithoutCode`.
    public mutating func close(code: CloseCode? = .normal, reason: String = "") throws(ProtocolMisuse) {
        guard state == .open else { throw .closed }
        guard reason.utf8.count <= 123 else { throw .reasonTooLong(count: reason.utf8.count) }
        if let code {
            guard code.canBeSent else { throw .forbiddenCloseCode(code) }
            appendClose(Self.closePayload(code, reason: reason))
        } else {
            guard reason.isEmpty else { throw .reasonWithoutCode }
            appendClose([])
        }
        state = .closeSent
        assembler.discard()
        compression?.release()
    }
}

// MARK: - Rules

extension ProtocolMachine {
    @inline(__always)
    func checkMayBeginMessage() throws(ProtocolMisuse) {
        guard state == .open else { throw .closed }
        guard sendingKind == nil else { throw .messageUnfinished }
    }

    private mutating func nextFragmentOpcode(_ kind: Opcode, isFinal: Bool) throws(ProtocolMisuse) -> Opcode {
        guard state == .open else { throw .closed }
        let begun = sendingKind
        guard begun == nil || begun == kind else { throw .fragmentOfOtherKind }
        sendingKind = isFinal ? nil : kind
        return begun == nil ? kind : .continuation
    }

    private mutating func sendControl(_ opcode: Opcode, _ payload: [UInt8]) throws(ProtocolMisuse) {
        guard state == .open else { throw .closed }
        guard payload.count <= 125 else { throw .controlPayloadTooLong(count: payload.count) }
        appendFrame(opcode, isFinal: true, payload)
    }
}

// MARK: - Encoding

extension ProtocolMachine {
    /// Stages a text frame, or its header only when the payload is worth retaining.
    private mutating func appendFrame(_ opcode: Opcode, isFinal: Bool, _ text: String) -> Int {
        var text = text
        let count = text.utf8.count
        let header = FrameHeader(isFinal: isFinal, opcode: opcode, payloadCount: count, mask: maskKeys?())
        if header.mask == nil, count >= OutputBuffer.retainThreshold {
            unsafe stage(header, UnsafeRawBufferPointer(start: nil, count: 0))
            output.retain(RetainedPayload(text))
        } else {
            text.withUTF8 { unsafe stage(header, UnsafeRawBufferPointer($0)) }
        }
        return count
    }

    /// Stages a frame of bytes, or its header only when the payload is worth retaining.
    @discardableResult
    mutating func appendFrame(
        _ opcode: Opcode, isFinal: Bool, _ bytes: [UInt8], isCompressed: Bool = false
    ) -> Int {
        let count = bytes.count
        let header = FrameHeader(
            isFinal: isFinal, opcode: opcode, payloadCount: count, mask: maskKeys?(), isCompressed: isCompressed)
        if header.mask == nil, count >= OutputBuffer.retainThreshold {
            unsafe stage(header, UnsafeRawBufferPointer(start: nil, count: 0))
            output.retain(RetainedPayload(bytes))
        } else {
            unsafe bytes.withUnsafeBytes { unsafe stage(header, $0) }
        }
        return count
    }

    /// Writes header and payload behind the staged bytes. `payload` is empty when it will be retained instead.
    @inline(__always)
    private mutating func stage(_ header: FrameHeader, _ payload: UnsafeRawBufferPointer) {
        let size = header.size
        let target = unsafe output.reserve(size &+ payload.count)
        unsafe header.encode(to: target)
        // Safety: there is room for header and payload.
        if let key = header.mask {
            unsafe Mask.copy(payload, to: target + size, key: key)
        } else if let base = payload.baseAddress {
            unsafe (target + size).copyMemory(from: base, byteCount: payload.count)
        }
        output.commit(size &+ payload.count)
        countSent(header.payloadCount)
    }

    @inline(__always)
    private mutating func countSent(_ payloadCount: Int) {
        counters.framesSent &+= 1
        counters.bytesSent &+= payloadCount
    }
}

/// Sending compressed messages (RFC 7692 section 6.1).
extension ProtocolMachine {
    /// How much waits to be written, where what was compressed here counts at its full length. So whoever waits for
    /// that to shrink compresses nothing for a peer that does not read, and little at a time for one that does.
    package var outputWeight: Int {
        mutating get {
            guard let compression else { return output.count }
            return output.count &+ compression.bytesSaved
        }
    }

    /// All has been written.
    package mutating func outputIsWritten() { compression?.bytesSaved = 0 }

    /// Whether a message of `count` bytes is to be compressed.
    ///
    /// - Parameter wish: what the caller wants; `nil` leaves it to the threshold.
    @inline(__always)
    func compresses(_ count: Int, _ wish: Bool?) -> Bool {
        guard let compression else { return false }
        return wish ?? (count >= compression.threshold)
    }

    /// Compresses a text message and queues it.
    ///
    /// - Parameters:
    ///   - wish: whether the caller wants that; `nil` leaves it to the threshold.
    ///   - frameSize: the most payload bytes of one frame; `nil`: the message is one frame.
    /// - Returns: its length in bytes, not compressed; `nil` when it must be sent as it is.
    /// - Throws: `.closed` after the close frame; `.messageUnfinished` inside a fragmented message.
    @inline(never)
    package mutating func sendCompressed(
        text: String, _ wish: Bool?, frameSize: Int? = nil
    ) throws(ProtocolMisuse) -> Int? {
        try checkMayBeginMessage()
        guard compresses(text.utf8.count, wish) else { return nil }
        var text = text
        let isSent = text.withUTF8 {
            unsafe sendCompressed(.text, UnsafeRawBufferPointer($0), frameSize: frameSize)
        }
        return isSent ? text.utf8.count : nil
    }

    /// Compresses a binary message and queues it, as the same for text does.
    @inline(never)
    package mutating func sendCompressed(
        binary: [UInt8], _ wish: Bool?, frameSize: Int? = nil
    ) throws(ProtocolMisuse) -> Int? {
        try checkMayBeginMessage()
        guard compresses(binary.count, wish) else { return nil }
        let isSent = unsafe binary.withUnsafeBytes { unsafe sendCompressed(.binary, $0, frameSize: frameSize) }
        return isSent ? binary.count : nil
    }

    /// Compresses a message and queues it.
    ///
    /// - Parameter frameSize: the most payload bytes of one frame; `nil`: the message is one frame.
    /// - Returns: whether it was; without memory, or where compressed it would not be shorter, it must be sent as it
    ///   is.
    private mutating func sendCompressed(
        _ opcode: Opcode, _ payload: UnsafeRawBufferPointer, frameSize: Int?
    ) -> Bool {
        guard let compression, let deflater = compression.compressor() else { return false }
        let compressed = unsafe deflater.compress(payload, isFinal: true)
        compression.endSentMessage()
        // With context takeover the compressor counts on the peer having it.
        guard compression.keepsSendContext || compressed.count < payload.count else { return false }
        appendCompressed(opcode, compressed, frameSize: frameSize)
        compression.bytesSaved &+= max(0, payload.count &- compressed.count)
        return true
    }

    /// Queues a compressed payload as one message.
    private mutating func appendCompressed(_ opcode: Opcode, _ payload: [UInt8], frameSize: Int?) {
        guard let frameSize, payload.count > frameSize else {
            appendFrame(opcode, isFinal: true, payload, isCompressed: true)
            return
        }
        for start in stride(from: 0, to: payload.count, by: frameSize) {
            let end = min(start + frameSize, payload.count)
            appendFrame(
                start == 0 ? opcode : .continuation, isFinal: end == payload.count, Array(payload[start..<end]),
                isCompressed: start == 0)
        }
    }

    /// Queues what was compressed once for many, if this connection can send it: one whose window is at least as large.
    mutating func sendCompressedOnce(_ message: EncodedMessage) -> Bool {
        guard let compression, case .compressed(let form) = message.shared,
            form.windowBits <= compression.sendWindowBits
        else { return false }
        appendFrame(message.payload.opcode, isFinal: true, form.payload, isCompressed: true)
        // The peer has now seen what our compressor has not: distances would be off, so that it begins anew.
        compression.forgetSent()
        return true
    }

    /// With what a message for many is compressed so that this connection can send it; `nil` when it compresses
    /// nothing.
    package var sharedCompression: CompressionOptions? {
        compression.map {
            CompressionOptions(
                sendWindowBits: $0.sendWindowBits, threshold: $0.threshold, level: $0.level, memoryLevel: $0.memoryLevel
            )
        }
    }

    /// Queues a fragment, compressed if its message is.
    mutating func appendFragment(
        _ opcode: Opcode, isFinal: Bool, _ payload: UnsafeRawBufferPointer, _ wish: Bool?
    ) -> Bool {
        guard let compression else { return false }
        if opcode != .continuation {
            compression.isCompressingFragments = compresses(payload.count, wish)
        }
        guard compression.isCompressingFragments, let deflater = compression.compressor() else {
            // Without memory for the first fragment the message is not compressed.
            compression.isCompressingFragments = false
            return false
        }
        let compressed = unsafe deflater.compress(payload, isFinal: isFinal)
        appendFrame(opcode, isFinal: isFinal, compressed, isCompressed: opcode != .continuation)
        compression.bytesSaved &+= max(0, payload.count &- compressed.count)
        if isFinal { compression.endSentMessage() }
        return true
    }
}
