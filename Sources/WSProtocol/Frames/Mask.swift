/// Masking, which is also unmasking: byte `i` of a payload is combined with byte `i % 4` of the key (RFC 6455 section
/// 5.3).
///
/// A key is held as the little-endian number whose lowest byte is the key's first.
enum Mask {
    /// Masks `bytes` in place.
    static func apply(_ key: UInt32, to bytes: UnsafeMutableRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        // Safety: source and target are the same `bytes.count` bytes; each word is read before it is written.
        unsafe combine(UnsafeRawPointer(base), into: base, count: bytes.count, key: key)
    }

    /// Writes `source`, masked, to `target`, which has room for all of it.
    static func copy(_ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer, key: UInt32) {
        guard let base = source.baseAddress else { return }
        // Safety: the caller promises `source.count` bytes of room at `target`.
        unsafe combine(base, into: target, count: source.count, key: key)
    }

    /// The key for what follows after `count` bytes have been masked.
    static func advance(_ key: UInt32, by count: Int) -> UInt32 {
        let bits = UInt32(truncatingIfNeeded: count & 3) &* 8
        return key &>> bits | key &<< (32 &- bits & 31)
    }

    /// Blocks of 64 bytes, then words, then what is left. `source` and `target` are the same or do not overlap.
    @inline(__always)
    private static func combine(
        _ source: UnsafeRawPointer, into target: UnsafeMutableRawPointer, count: Int, key: UInt32
    ) {
        let word = UInt64(key) | UInt64(key) &<< 32
        var offset = 0
        // Safety: every access below ends at or before `offset + its size`, which its loop condition keeps within
        // `count`.
        if count >= 64 {
            let block = SIMD8<UInt64>(repeating: word.littleEndian)
            while offset &+ 64 <= count {
                let value = unsafe source.loadUnaligned(fromByteOffset: offset, as: SIMD8<UInt64>.self)
                unsafe target.storeBytes(of: value ^ block, toByteOffset: offset, as: SIMD8<UInt64>.self)
                offset &+= 64
            }
        }
        while offset &+ 8 <= count {
            let value = unsafe source.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            unsafe target.storeBytes(of: value ^ word.littleEndian, toByteOffset: offset, as: UInt64.self)
            offset &+= 8
        }
        if offset &+ 4 <= count {
            let value = unsafe source.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            unsafe target.storeBytes(of: value ^ key.littleEndian, toByteOffset: offset, as: UInt32.self)
            offset &+= 4
        }
        var rest = key
        while offset < count {
            let value = unsafe source.load(fromByteOffset: offset, as: UInt8.self)
            unsafe target.storeBytes(of: value ^ UInt8(truncatingIfNeeded: rest), toByteOffset: offset, as: UInt8.self)
            rest &>>= 8
            offset &+= 1
        }
    }
}
