internal import CHansomZlib

/// Compresses to raw deflate data (RFC 1951), flushed after each piece so that the peer can inflate all of it.
@safe
final class Deflater {
    /// What ends each flush, an empty block without its first bits. It is left out at a message's end (RFC 7692 section 7.2.1).
    static let tail: [UInt8] = [0x00, 0x00, 0xFF, 0xFF]

    // zlib's state points back at the stream, so the stream may not move.
    private let stream: UnsafeMutablePointer<z_stream>

    /// - Parameters:
    ///   - windowBits: 8 to 15: how far back the data may refer.
    ///   - level, memoryLevel: as zlib has them, 0 to 9 and 1 to 9.
    /// - Returns: `nil` without memory, or for other values.
    init?(windowBits: Int, level: Int, memoryLevel: Int) {
        // zlib has no raw deflate with 8 bits. With 9 it refers back by 512 - 262 = 250 bytes at most: its window less the
        // lookahead that it keeps. That lies within a window of 8 bits.
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
    /// - Returns: what goes into the frame. An empty piece that ends the message is one byte (RFC 7692 section 7.2.3.6).
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
