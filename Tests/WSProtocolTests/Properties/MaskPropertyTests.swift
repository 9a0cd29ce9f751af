import ProtocolTesting
import Testing

@testable import WSProtocol

/// Masking against a byte-wise reading of RFC 6455 section 5.3, for every alignment of source and target and every
/// length up to a few blocks.
@Suite(.timeLimit(.minutes(2))) struct MaskPropertyTests {
    /// One more than the largest block that is masked at once.
    private static let alignments = 0..<65
    private static let counts = Array(0...200)

    private let random: [UInt8]
    private let key: [UInt8] = [0x9C, 0x01, 0xFE, 0x37]

    init() {
        var generator = SeededGenerator(seed: 77)
        random = (0..<400).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    @Test(arguments: alignments)
    func `masks in place at every alignment and length, and nothing beside it`(start: Int) {
        for count in Self.counts {
            var bytes = random
            unsafe bytes.withUnsafeMutableBytes { memory in
                unsafe Mask.apply(
                    testMaskKey, to: UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + count]))
            }
            let expected = WireFrame.masked(Array(random[start..<start + count]), key)
            let isRight = bytes == random[..<start] + expected + random[(start + count)...]
            #expect(isRight, "\(count) bytes")
        }
    }

    @Test(arguments: alignments)
    func `copies from every alignment to every other, and writes nothing beside it`(start: Int) {
        for count in [0, 1, 3, 4, 7, 8, 9, 15, 16, 31, 63, 64, 65, 100, 127, 128, 130] {
            let expected = WireFrame.masked(Array(random[start..<start + count]), key)
            for targetStart in Self.alignments {
                var target = [UInt8](repeating: 0xEE, count: 400)
                unsafe random.withUnsafeBytes { source in
                    unsafe target.withUnsafeMutableBytes { memory in
                        unsafe Mask.copy(
                            UnsafeRawBufferPointer(rebasing: source[start..<start + count]),
                            to: memory.baseAddress.unsafelyUnwrapped + targetStart, key: testMaskKey)
                    }
                }
                let isRight =
                    target.prefix(targetStart).allSatisfy { $0 == 0xEE }
                    && target[targetStart..<targetStart + count].elementsEqual(expected)
                    && target.dropFirst(targetStart + count).allSatisfy { $0 == 0xEE }
                #expect(isRight, "\(count) bytes to \(targetStart)")
            }
        }
    }

    @Test func `a key moved on masks what follows, from every place to every other`() {
        for first in 0...20 {
            for second in 0...20 {
                let (one, two) = (Mask.advance(testMaskKey, by: first), Mask.advance(testMaskKey, by: first + second))
                #expect(Mask.advance(one, by: second) == two)
                let byte = UInt8(truncatingIfNeeded: two)
                #expect(byte == key[(first + second) % 4])
            }
        }
    }
}
