/// The key of a handshake and the answer to it (RFC 6455 sections 4.1 and 4.2.2).
enum HandshakeKey {
    /// How many random bytes a key stands for.
    static let byteCount = 16

    /// Whether `text` is the base64 of exactly 16 bytes.
    static func isValid(_ text: some Collection<UInt8>) -> Bool {
        text.count == 24 && Base64.decodedCount(text) == byteCount
    }

    /// The `Sec-WebSocket-Accept` for a key.
    static func accept(_ key: String) -> String { accept(Array(key.utf8)[...]) }

    static func accept(_ key: ArraySlice<UInt8>) -> String {
        var hash = SHA1()
        hash.take(key.span)
        let salt = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        hash.take(salt.utf8.span)
        hash.end()
        return Base64.encode(byteCount: 20) { hash[$0] }
    }
}

/// SHA-1 (RFC 3174), for the accept value only: it proves that the server speaks WebSocket, not who it is, so the
/// weakness of SHA-1 does not matter here (RFC 6455 section 10.8).
struct SHA1 {
    private var state: InlineArray<5, UInt32> = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
    /// The last 16 words: of the block that is being gathered, and then of those that are made of it.
    private var words = InlineArray<16, UInt32>(repeating: 0)
    private var byteCount = 0

    /// The 20 bytes of the digest.
    static func digest(of message: [UInt8]) -> [UInt8] {
        var hash = SHA1()
        hash.take(message.span)
        hash.end()
        return (0..<20).map { hash[$0] }
    }

    /// A byte of the digest, once it has ended.
    subscript(index: Int) -> UInt8 { UInt8(truncatingIfNeeded: state[index >> 2] >> UInt32(24 - 8 * (index & 3))) }

    mutating func take(_ bytes: Span<UInt8>) {
        var index = 0
        // By words, where one begins.
        while byteCount & 3 == 0, bytes.count - index >= 4 {
            let (first, second) = (UInt32(bytes[index]), UInt32(bytes[index + 1]))
            let (third, fourth) = (UInt32(bytes[index + 2]), UInt32(bytes[index + 3]))
            take(word: first << 24 | second << 16 | third << 8 | fourth)
            index += 4
        }
        while index < bytes.count {
            take(bytes[index])
            index += 1
        }
    }

    private mutating func take(_ byte: UInt8) {
        let place = byteCount >> 2 & 15
        words[place] = words[place] << 8 | UInt32(byte)
        byteCount += 1
        if byteCount & 63 == 0 { mix() }
    }

    private mutating func take(word: UInt32) {
        words[byteCount >> 2 & 15] = word
        byteCount += 4
        if byteCount & 63 == 0 { mix() }
    }

    /// A one bit, zeros, and the length in bits, up to a whole block (section 4).
    mutating func end() {
        let bitCount = UInt64(byteCount) * 8
        take(0x80)
        while byteCount & 3 != 0 { take(0) }
        while byteCount & 63 != 56 { take(word: 0) }
        take(word: UInt32(truncatingIfNeeded: bitCount >> 32))
        take(word: UInt32(truncatingIfNeeded: bitCount))
    }

    /// The 80 rounds, and their functions and constants (sections 5 and 6.1).
    private mutating func mix() {
        var turn = (a: state[0], b: state[1], c: state[2], d: state[3], e: state[4])
        // Here, and not in `self`, so that it can be kept in registers.
        var words = words
        for round in 0..<16 {
            SHA1.mix(&turn, (turn.b & turn.c) | (~turn.b & turn.d), 0x5A82_7999, words[round])
        }
        for round in 16..<20 {
            SHA1.mix(&turn, (turn.b & turn.c) | (~turn.b & turn.d), 0x5A82_7999, SHA1.next(&words, round))
        }
        for round in 20..<40 {
            SHA1.mix(&turn, turn.b ^ turn.c ^ turn.d, 0x6ED9_EBA1, SHA1.next(&words, round))
        }
        for round in 40..<60 {
            let function = (turn.b & turn.c) | (turn.b & turn.d) | (turn.c & turn.d)
            SHA1.mix(&turn, function, 0x8F1B_BCDC, SHA1.next(&words, round))
        }
        for round in 60..<80 {
            SHA1.mix(&turn, turn.b ^ turn.c ^ turn.d, 0xCA62_C1D6, SHA1.next(&words, round))
        }
        state[0] &+= turn.a
        state[1] &+= turn.b
        state[2] &+= turn.c
        state[3] &+= turn.d
        state[4] &+= turn.e
    }

    private typealias Turn = (a: UInt32, b: UInt32, c: UInt32, d: UInt32, e: UInt32)

    @inline(__always)
    private static func mix(_ turn: inout Turn, _ function: UInt32, _ constant: UInt32, _ word: UInt32) {
        let next = rotate(turn.a, by: 5) &+ function &+ turn.e &+ word &+ constant
        turn = (next, turn.a, rotate(turn.b, by: 30), turn.c, turn.d)
    }

    /// The word of a round from the 16th on, made of those before it and put in the place of the oldest.
    @inline(__always)
    private static func next(_ words: inout InlineArray<16, UInt32>, _ round: Int) -> UInt32 {
        let place = round & 15
        // Safety: each index is below 16.
        let mixed =
            unsafe words[unchecked: (round &+ 13) & 15] ^ words[unchecked: (round &+ 8) & 15]
            ^ words[unchecked: (round &+ 2) & 15] ^ words[unchecked: place]
        let word = rotate(mixed, by: 1)
        unsafe words[unchecked: place] = word
        return word
    }

    private static func rotate(_ value: UInt32, by bits: UInt32) -> UInt32 { value << bits | value >> (32 - bits) }
}

/// Base64 (RFC 4648 section 4), strict: full padding, no other characters, and no stray bits.
package enum Base64 {
    private static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    package static func encode(_ bytes: some Collection<UInt8>) -> String {
        let bytes = Array(bytes)
        return encode(byteCount: bytes.count) { bytes[$0] }
    }

    /// - Parameter byte: the byte at an index.
    static func encode(byteCount: Int, _ byte: (Int) -> UInt8) -> String {
        // Safety: the alphabet's bytes are always there; four are written for each three that were begun.
        unsafe String(unsafeUninitializedCapacity: (byteCount + 2) / 3 * 4) { text in
            var count = 0
            for start in stride(from: 0, to: byteCount, by: 3) {
                let present = min(3, byteCount - start)
                var bits = 0
                for index in 0..<3 { bits = bits << 8 | (index < present ? Int(byte(start + index)) : 0) }
                for place in 0..<4 {
                    unsafe text[count] =
                        place <= present ? alphabet.utf8Start[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "=")
                    count += 1
                }
            }
            return count
        }
    }

    /// - Returns: `nil` when the text is anything but the encoding of some bytes.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var bytes: [UInt8] = []
        return decode(text.utf8) { bytes.append($0) } ? bytes : nil
    }

    /// How many bytes a text is the encoding of; `nil` when it is none.
    static func decodedCount(_ text: some Collection<UInt8>) -> Int? {
        var count = 0
        return decode(text) { _ in count += 1 } ? count : nil
    }

    /// - Returns: whether the text is the encoding of some bytes; otherwise `take` may have got some all the same.
    private static func decode(_ text: some Collection<UInt8>, _ take: (UInt8) -> Void) -> Bool {
        guard text.count % 4 == 0 else { return false }
        var (bits, bitCount, padding) = (0, 0, 0)
        for character in text {
            if character == UInt8(ascii: "=") {
                padding += 1
                continue
            }
            guard padding == 0, let value = value(of: character) else { return false }
            bits = (bits << 6 | value) & 0xFFFF
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                take(UInt8(truncatingIfNeeded: bits >> bitCount))
            }
        }
        return padding <= 2 && bits & (1 << bitCount - 1) == 0
    }

    private static func value(of character: UInt8) -> Int? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
