/// UTF-8 as the standard library sees it, taken in pieces.
struct ReferenceUTF8 {
    /// What can complete any character that has begun: the second byte of some must be low, of some high.
    private static let endings: [[UInt8]] = [
        [], [0x80], [0x80, 0x80], [0x80, 0x80, 0x80], [0xBF], [0xBF, 0x80], [0xBF, 0x80, 0x80],
    ]

    /// The beginning of a character whose end has not come.
    private(set) var pending: [UInt8] = []

    /// - Returns: whether all so far can be the beginning of UTF-8. After `false` it is of no further use.
    mutating func accept(_ piece: some Collection<UInt8>) -> Bool {
        let bytes = pending + piece
        for count in 0...min(3, bytes.count) {
            let tail = bytes.suffix(count)
            let canGoOn = Self.endings.contains { String(validating: tail + $0, as: UTF8.self) != nil }
            if canGoOn, String(validating: bytes.dropLast(count), as: UTF8.self) != nil {
                pending = Array(tail)
                return true
            }
        }
        return false
    }

    /// The offset of the first byte that cannot be there.
    static func firstBad(in bytes: [UInt8]) -> Int? {
        var whole = Self()
        if whole.accept(bytes) { return nil }
        var reference = Self()
        return bytes.indices.first { !reference.accept(CollectionOfOne(bytes[$0])) }
    }
}
