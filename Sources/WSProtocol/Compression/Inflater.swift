internal import CHansomZlib

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
    /// zlib knows how far back the data may refer by what it still reaches: its window, and what this call has written. Data
    /// that refer to what lies beyond a window smaller than the largest are therefore refused when they refer across calls, and
    /// come out right when they do not.
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

    /// Whether all that came is whole blocks, up to the last bit: 128 stands for the end of a block, 64 for the last block, and
    /// below are the bits not used.
    var isBetweenBlocks: Bool { unsafe stream.pointee.data_type == 128 }
}
