import ProtocolTesting
import Testing

@testable import WSProtocol

@Suite(.timeLimit(.minutes(2))) struct UTF8ValidatorTests {
    /// The offset of the first byte that Swift's own decoder would not take, or of the end when text stops inside a
    /// character.
    private func reference(_ bytes: [UInt8]) -> Int? {
        for length in 0...bytes.count where !isPrefixOfValid(Array(bytes[..<length])) { return length - 1 }
        return nil
    }

    /// Whether some continuation makes `bytes` valid.
    private func isPrefixOfValid(_ bytes: [UInt8]) -> Bool {
        let endings: [[UInt8]] = [
            [], [0x80], [0xBF], [0x80, 0x80], [0xBF, 0x80], [0x80, 0x80, 0x80], [0xBF, 0x80, 0x80], [0x9F, 0x80],
        ]
        return endings.contains { String(validating: bytes + $0, as: UTF8.self) != nil }
    }

    private func firstInvalid(_ pieces: [[UInt8]]) -> Int? {
        var validator = UTF8Validator()
        var base = 0
        for piece in pieces {
            if let offset = unsafe piece.withUnsafeBytes({ unsafe validator.firstInvalid(in: $0) }) {
                return base + offset
            }
            base += piece.count
        }
        return nil
    }

    @Test func `finds the first bad byte where the standard library does, for all pairs of bytes`() {
        for first in UInt8.min...UInt8.max {
            for second in [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xFF] as [UInt8] {
                let bytes = [first, second, 0x80, 0x80]
                #expect(firstInvalid([bytes]) == reference(bytes), "\(bytes)")
            }
        }
    }

    @Test(arguments: 0xC0...0xFF as ClosedRange<UInt8>)
    func `finds the first bad byte where the standard library does, for characters of each length (W19)`(first: UInt8) {
        for second in [0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF] as [UInt8] {
            for third in [0x41, 0x80, 0xBF, 0xC0] as [UInt8] {
                for fourth in [0x41, 0x80, 0xBF, 0xC3] as [UInt8] {
                    let bytes = [first, second, third, fourth, 0x41, 0x80]
                    #expect(firstInvalid([bytes]) == reference(bytes), "\(bytes)")
                }
            }
        }
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `finds the first bad byte where the standard library does, for generated text`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let alphabet = ["a", "é", "߿", "ࠀ", "한", "\u{FFFD}", "😀", "\u{10FFFF}", "plain text of more than eight bytes"]
        var bytes = (0..<Int.random(in: 1...12, using: &generator)).flatMap { _ in
            Array(alphabet.randomElement(using: &generator)!.utf8)
        }
        if seed % 2 == 0 {
            bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
        }
        let expected = reference(bytes)
        #expect(firstInvalid([bytes]) == expected)
        #expect(firstInvalid(bytes.map { [$0] }) == expected)
        for cut in bytes.indices { #expect(firstInvalid([Array(bytes[..<cut]), Array(bytes[cut...])]) == expected) }
    }

    @Test(arguments: [0, 1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 100])
    func `skips ASCII of any length up to a bad byte (W19)`(count: Int) {
        let ascii = [UInt8](repeating: 0x61, count: count)
        #expect(firstInvalid([ascii]) == nil)
        #expect(firstInvalid([ascii + [0xFF] + ascii]) == count)
    }

    @Test func `knows how much of an unfinished character it has seen`() {
        var validator = UTF8Validator()
        for (byte, pending) in zip(Array("😀".utf8), [1, 2, 3, 0]) {
            let invalid = unsafe [byte].withUnsafeBytes { unsafe validator.firstInvalid(in: $0) }
            #expect(invalid == nil)
            #expect(validator.pendingCount == pending)
            #expect(validator.isComplete == (pending == 0))
        }
    }
}
