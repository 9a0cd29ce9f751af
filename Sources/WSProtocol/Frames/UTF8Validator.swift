/// Checks UTF-8 as it arrives, and stops at the first byte that cannot be part of it (RFC 3629 section 4, RFC 6455
/// section 8.1).
///
/// Over-long forms, surrogates and values past U+10FFFF are caught by the range that the first byte sets for the
/// second.
struct UTF8Validator: Sendable {
    /// How many bytes of an unfinished character have been seen.
    private(set) var pendingCount = 0
    /// How many continuation bytes the unfinished character still needs.
    private var needed = 0
    /// What the next continuation byte may be.
    private var lowest: UInt8 = 0x80
    private var highest: UInt8 = 0xBF

    /// Whether what has been seen ends with a whole character.
    var isComplete: Bool { needed == 0 }

    /// Whether `bytes` are UTF-8 from the first to the last.
    static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var validator = UTF8Validator()
        return unsafe validator.firstInvalid(in: bytes) == nil && validator.isComplete
    }

    /// Goes on with `bytes`.
    ///
    /// - Returns: the offset of the first bad byte, or `nil` when there is none so far. After a bad byte the validator
    ///   is of no further use.
    mutating func firstInvalid(in bytes: UnsafeRawBufferPointer) -> Int? {
        var offset = 0
        let count = bytes.count
        while offset < count {
            if needed == 0 {
                unsafe offset = Self.skipASCII(bytes, from: offset)
                if offset == count { break }
            }
            // Safety: `offset` is less than `count` here.
            guard unsafe accept(bytes.load(fromByteOffset: offset, as: UInt8.self)) else { return offset }
            offset &+= 1
        }
        return nil
    }

    /// The offset of the first byte at or after `start` that is not ASCII, or the count.
    @inline(__always)
    private static func skipASCII(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var offset = start
        let count = bytes.count
        // Safety: all loads end at or before `count`.
        let highBits = SIMD4<UInt64>(repeating: 0x8080_8080_8080_8080)
        while offset &+ 32 <= count {
            let block = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self) & highBits
            guard block[0] | block[1] | block[2] | block[3] == 0 else { break }
            offset &+= 32
        }
        while offset &+ 8 <= count,
            unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
        {
            offset &+= 8
        }
        while offset < count, unsafe bytes.load(fromByteOffset: offset, as: UInt8.self) < 0x80 {
            offset &+= 1
        }
        return offset
    }

    /// Takes one byte that is a continuation or not ASCII.
    @inline(__always)
    private mutating func accept(_ byte: UInt8) -> Bool {
        if needed > 0 {
            guard byte >= lowest, byte <= highest else { return false }
            needed &-= 1
            pendingCount = needed == 0 ? 0 : pendingCount &+ 1
            (lowest, highest) = (0x80, 0xBF)
            return true
        }
        switch byte {
        case 0xC2...0xDF: needed = 1
        case 0xE0: (needed, lowest) = (2, 0xA0)
        case 0xED: (needed, highest) = (2, 0x9F)
        case 0xE1...0xEF: needed = 2
        case 0xF0: (needed, lowest) = (3, 0x90)
        case 0xF1...0xF3: needed = 3
        case 0xF4: (needed, highest) = (3, 0x8F)
        default: return false
        }
        pendingCount = 1
        return true
    }
}
