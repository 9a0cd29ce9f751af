/// A repeatable stream of numbers (a linear congruential generator), for generated input.
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed &* 2 &+ 1 }

    package mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 33
    }
}

/// Values of the kinds that tests with random input need.
extension SeededGenerator {
    package mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

    /// Around the lengths at which something changes, and between them.
    package mutating func count(upTo most: Int) -> Int {
        let edges = [0, 1, 125, 126, 127, 2047, 2048, 8191, 8192, 65535, 65536].filter { $0 <= most }
        if chance(40), let edge = edges.randomElement(using: &self) { return edge }
        return Int.random(in: 0...min(most, chance(70) ? 300 : most), using: &self)
    }

    package mutating func bytes(_ count: Int) -> [UInt8] {
        // Some repeat themselves, so that there is something to compress.
        if chance(50) { return (0..<count).map { UInt8(truncatingIfNeeded: $0 / 7 &* 31) } }
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
    }

    /// Text of about `count` bytes, with characters of one to four bytes each.
    package mutating func text(_ count: Int) -> String {
        var text = ""
        var left = count
        while left > 0 {
            guard let scalar = Unicode.Scalar(UInt32.random(in: 0...scalarBound(), using: &self)) else { continue }
            text.unicodeScalars.append(scalar)
            left -= UTF8.width(scalar)
        }
        return text
    }

    private mutating func scalarBound() -> UInt32 {
        [0x7F, 0x7FF, 0xFFFF, 0x10FFFF].randomElement(using: &self) ?? 0x7F
    }

    /// Cuts into pieces at random points; seldom at none.
    package mutating func pieces<Element>(of whole: [Element], most: Int) -> [[Element]] {
        var rest = whole[...]
        var pieces: [[Element]] = []
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 1...max(1, most), using: &self))
            pieces.append(Array(piece))
            rest = rest.dropFirst(piece.count)
        }
        return pieces
    }
}
