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
                let start = offset
                unsafe offset = Self.skipCharacters(bytes, from: offset)
                if offset > start { continue }
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
        guard let base = bytes.baseAddress else { return offset }
        // Safety: all loads end at or before `count`.
        @inline(__always) func word(_ index: Int) -> UInt64 {
            unsafe base.loadUnaligned(fromByteOffset: offset &+ index &* 8, as: UInt64.self)
        }
        while offset &+ 64 <= count {
            let low = word(0) | word(1) | word(2) | word(3)
            let high = word(4) | word(5) | word(6) | word(7)
            guard (low | high) & 0x8080_8080_8080_8080 == 0 else { break }
            offset &+= 64
        }
        while offset &+ 8 <= count {
            let bits = word(0).littleEndian & 0x8080_8080_8080_8080
            guard bits == 0 else { return offset &+ bits.trailingZeroBitCount / 8 }
            offset &+= 8
        }
        while offset < count, unsafe base.load(fromByteOffset: offset, as: UInt8.self) < 0x80 {
            offset &+= 1
        }
        return offset
    }

    /// The offset behind the characters at `start` that are not ASCII, that are right, and that do not stand at the very
    /// end: one that is wrong, or may be cut, is judged byte by byte.
    @inline(__always)
    private static func skipCharacters(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var offset = start
        let count = bytes.count
        guard let base = bytes.baseAddress else { return offset }
        // Safety: all loads end at or before `count`.
        while offset &+ 4 <= count {
            // The lowest byte is the first.
            let word = unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt32.self).littleEndian
            let first = word & 0xFF
            if word & 0xC0E0 == 0x80C0 {
                guard first >= 0xC2 else { break }
                offset &+= 2
            } else if word & 0xC0_C0F0 == 0x80_80E0 {
                // Over-long forms begin with E0 80 to E0 9F, surrogates with ED A0 to ED BF.
                let second = word &>> 8 & 0xFF
                guard first != 0xE0 || second >= 0xA0, first != 0xED || second < 0xA0 else { break }
                offset &+= 3
            } else if word & 0xC0C0_C0F8 == 0x8080_80F0 {
                // Over-long forms begin with F0 80 to F0 8F; U+10FFFF is F4 8F BF BF.
                let second = word &>> 8 & 0xFF
                guard first != 0xF0 || second >= 0x90, first < 0xF4 || first == 0xF4 && second < 0x90 else { break }
                offset &+= 4
            } else {
                break
            }
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
