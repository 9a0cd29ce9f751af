internal import CHansomZlib

/// The compressor and the inflater of one connection. Each is made for the first message that needs it; without context
/// takeover it is gone when that message is.
@usableFromInline
final class CompressionContexts: @unchecked Sendable {
    // Safety: `@unchecked` since only the machine that made it has it, and a machine is never copied.

    /// From how many bytes on a message is compressed.
    let threshold: Int
    /// How far back what is sent may refer.
    let sendWindowBits: Int
    let keepsSendContext: Bool
    private let receiveWindowBits: Int
    private let keepsReceiveContext: Bool
    let level: Int
    let memoryLevel: Int
    /// How many bytes may still be inflated before the input has to wait.
    @usableFromInline var inflationAllowance = Int.max
    /// By how much what waits to be written is shorter than what it was made of.
    @usableFromInline var bytesSaved = 0
    /// Whether the fragmented message being sent is compressed.
    var isCompressingFragments = false
    private var deflater: Deflater?
    private var inflater: Inflater?

    init(_ agreement: CompressionAgreement, isServer: Bool) {
        let options = agreement.options
        threshold = options.threshold
        level = options.level
        memoryLevel = options.memoryLevel
        sendWindowBits = isServer ? agreement.serverWindowBits : agreement.clientWindowBits
        receiveWindowBits = isServer ? agreement.clientWindowBits : agreement.serverWindowBits
        keepsSendContext = isServer ? agreement.serverContextTakeover : agreement.clientContextTakeover
        keepsReceiveContext = isServer ? agreement.clientContextTakeover : agreement.serverContextTakeover
    }

    /// Whether memory is held for either direction.
    var isEmpty: Bool { deflater == nil && inflater == nil }

    /// The compressor, made if there is none; `nil` without memory.
    func compressor() -> Deflater? {
        if deflater == nil {
            deflater = Deflater(windowBits: sendWindowBits, level: level, memoryLevel: memoryLevel)
        }
        return deflater
    }

    /// The inflater, made if there is none; `nil` without memory.
    func decompressor() -> Inflater? {
        if inflater == nil { inflater = Inflater(windowBits: receiveWindowBits) }
        return inflater
    }

    /// A message has been sent.
    func endSentMessage() {
        if !keepsSendContext { deflater = nil }
    }

    /// The next message refers to nothing that was sent before.
    func forgetSent() { deflater = nil }

    /// A message has been received.
    func endReceivedMessage() {
        if !keepsReceiveContext { inflater = nil }
    }

    /// Nothing is compressed or inflated any more.
    func release() {
        deflater = nil
        inflater = nil
    }
}

/// Compresses to raw deflate data (RFC 1951), flushed after each piece so that the peer can inflate all of it.
@safe
final class Deflater {
    /// What ends each flush, an empty block without its first bits. It is left out at a message's end (RFC 7692 section
    /// 7.2.1).
    static let tail: [UInt8] = [0x00, 0x00, 0xFF, 0xFF]

    // zlib's state points back at the stream, so the stream may not move.
    private let stream: UnsafeMutablePointer<z_stream>

    /// - Parameters:
    ///   - windowBits: 8 to 15: how far back the data may refer.
    ///   - level, memoryLevel: as zlib has them, 0 to 9 and 1 to 9.
    /// - Returns: `nil` without memory, or for other values.
    init?(windowBits: Int, level: Int, memoryLevel: Int) {
        // zlib has no raw deflate with 8 bits. With 9 it refers back by 512 - 262 = 250 bytes at most: its window less
        // the lookahead that it keeps. That lies within a window of 8 bits.
        let bits = windowBits == 8 ? 9 : windowBits
        // Safety: the stream is zeroed, which asks for zlib's own allocator, and lives as long as this object.
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        let status = unsafe CHansomZlib_deflate_init(
            stream, Int32(clamping: level), Int32(clamping: bits), Int32(clamping: memoryLevel))
        guard status == Z_OK else {
            unsafe stream.deallocate()
            return nil
        }
        // Not sooner: once all is there, `return nil` runs `deinit`.
        unsafe self.stream = unsafe stream
    }

    deinit {
        // Safety: the initialiser has succeeded, and nobody else has the stream.
        unsafe deflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// Compresses a piece of a message.
    ///
    /// - Parameter isFinal: whether the message ends with it.
    /// - Returns: what goes into the frame. An empty piece that ends the message is one byte (RFC 7692 section
    ///   7.2.3.6).
    func compress(_ input: UnsafeRawBufferPointer, isFinal: Bool) -> [UInt8] {
        guard unsafe !input.isEmpty else { return isFinal ? [0x00] : [] }
        var output: [UInt8] = []
        var consumed = 0
        var isFlushed = false
        while !isFlushed {
            // What zlib may need beyond the input is little, and seldom needed.
            let room = max(64, min((input.count &- consumed) / 2 &+ 64, 1 << 16))
            if output.capacity &- output.count < room {
                output.reserveCapacity(max(output.count &+ room, output.capacity &* 2))
            }
            output.append(addingCapacity: room) { span in
                unsafe span.withUnsafeMutableBufferPointer { target, initialized in
                    // Safety: the array has made room for `room` bytes behind those that are initialised.
                    let free = unsafe UnsafeMutableRawBufferPointer(
                        start: target.baseAddress.map { unsafe UnsafeMutableRawPointer($0 + initialized) }, count: room)
                    let rest = unsafe UnsafeRawBufferPointer(rebasing: input[consumed...])
                    let produced = unsafe step(rest, &consumed, into: free)
                    initialized &+= produced
                    isFlushed = produced < room && consumed == input.count
                }
            }
        }
        if isFinal, output.suffix(4).elementsEqual(Self.tail) { output.removeLast(4) }
        return output
    }

    /// - Returns: how many bytes were written.
    private func step(
        _ rest: UnsafeRawBufferPointer, _ consumed: inout Int, into free: UnsafeMutableRawBufferPointer
    ) -> Int {
        let given = UInt32(clamping: rest.count)
        // Safety: zlib is shown both buffers for this call, and only reads the input, although it has no `const`.
        unsafe stream.pointee.next_in = UnsafeMutablePointer(
            mutating: rest.baseAddress?.assumingMemoryBound(to: UInt8.self))
        unsafe stream.pointee.avail_in = given
        unsafe stream.pointee.next_out = free.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = UInt32(clamping: free.count)
        let status = unsafe deflate(stream, Int(given) == rest.count ? Z_SYNC_FLUSH : Z_NO_FLUSH)
        // There is no other outcome of a stream that was begun: whatever the input is, it can be compressed.
        precondition(status == Z_OK || status == Z_BUF_ERROR)
        unsafe consumed &+= Int(given &- stream.pointee.avail_in)
        return unsafe free.count &- Int(stream.pointee.avail_out)
    }
}

/// Inflates raw deflate data, cut anywhere, into memory of the caller's (RFC 1951).
@safe
final class Inflater {
    /// What one call came to.
    struct Progress {
        /// Bytes taken of the input.
        var consumed: Int
        /// Bytes written.
        var produced: Int
        /// Whether the data cannot be a deflate stream.
        var isMalformed: Bool
    }

    // zlib's state points back at the stream, so the stream may not move.
    private let stream: UnsafeMutablePointer<z_stream>

    /// - Parameter windowBits: 8 to 15: how far back the data may refer.
    /// - Returns: `nil` without memory, or for another window.
    init?(windowBits: Int) {
        // Safety: the stream is zeroed, which asks for zlib's own allocator, and lives as long as this object.
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        guard unsafe CHansomZlib_inflate_init(stream, Int32(clamping: windowBits)) == Z_OK else {
            unsafe stream.deallocate()
            return nil
        }
        // Not sooner: once all is there, `return nil` runs `deinit`.
        unsafe self.stream = unsafe stream
    }

    deinit {
        // Safety: the initialiser has succeeded, and nobody else has the stream.
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// Goes on with `input`, until it is used up or `output` is full.
    ///
    /// zlib knows how far back the data may refer by what it still reaches: its window, and what this call has written.
    /// Data that refer to what lies beyond a window smaller than the largest are therefore refused when they refer
    /// across calls, and come out right when they do not.
    func inflate(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Progress {
        var progress = Progress(consumed: 0, produced: 0, isMalformed: false)
        while true {
            // Safety: zlib is shown what is left of both buffers, which the caller lends for this call, and only reads
            // the input, although it has no `const`.
            let rest = unsafe UnsafeRawBufferPointer(rebasing: input[progress.consumed...])
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: output[progress.produced...])
            unsafe stream.pointee.next_in = UnsafeMutablePointer(
                mutating: rest.baseAddress?.assumingMemoryBound(to: UInt8.self))
            unsafe stream.pointee.avail_in = UInt32(clamping: rest.count)
            unsafe stream.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
            unsafe stream.pointee.avail_out = UInt32(clamping: room.count)
            let status = unsafe CHansomZlib.inflate(stream, Z_SYNC_FLUSH)
            unsafe progress.consumed += Int(UInt32(clamping: rest.count) - stream.pointee.avail_in)
            unsafe progress.produced += Int(UInt32(clamping: room.count) - stream.pointee.avail_out)
            // A block that says it is the last ends nothing: the message goes on behind it (RFC 7692 section 7.2.3.4).
            guard status == Z_STREAM_END else {
                progress.isMalformed = status != Z_OK && status != Z_BUF_ERROR
                return progress
            }
            unsafe inflateResetKeep(stream)
            if progress.consumed == input.count || progress.produced == output.count { return progress }
        }
    }

    /// Whether all that came is whole blocks, up to the last bit: 128 stands for the end of a block, 64 for the last
    /// block, and below are the bits not used.
    var isBetweenBlocks: Bool { unsafe stream.pointee.data_type == 128 }
}
