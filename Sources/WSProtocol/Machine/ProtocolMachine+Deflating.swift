/// Sending compressed messages (RFC 7692 section 6.1).
extension ProtocolMachine {
    /// How much waits to be written, where what was compressed here counts at its full length. So whoever waits for that to
    /// shrink compresses nothing for a peer that does not read, and little at a time for one that does.
    package var outputWeight: Int {
        guard let compression else { return output.count }
        return output.count &+ compression.bytesSaved
    }

    /// All has been written.
    package func outputIsWritten() { compression?.bytesSaved = 0 }

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
    /// - Returns: whether it was; without memory, or where compressed it would not be shorter, it must be sent as it is.
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
        appendFrame(message.opcode, isFinal: true, form.payload, isCompressed: true)
        // The peer has now seen what our compressor has not: distances would be off, so that it begins anew.
        compression.forgetSent()
        return true
    }

    /// With what a message for many is compressed so that this connection can send it; `nil` when it compresses nothing.
    package var sharedCompression: CompressionOptions? {
        compression.map {
            CompressionOptions(
                sendWindowBits: $0.sendWindowBits, threshold: $0.threshold, level: $0.level, memoryLevel: $0.memoryLevel)
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
