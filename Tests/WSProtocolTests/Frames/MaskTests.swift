import ProtocolTesting
import Testing

@testable import WSProtocol

@Suite(.timeLimit(.minutes(5))) struct MaskTests {
    @Test(arguments: Array(0...70) + [125, 126, 127, 128, 1000, 4099])
    func `copies and masks as the byte-wise reference does`(count: Int) {
        var generator = SeededGenerator(seed: UInt64(count))
        let payload = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let key: [UInt8] = [0x9C, 0x01, 0xFE, 0x37]
        // An offset of 0 to 3 shows that alignment does not matter.
        for offset in 0..<4 {
            var target = [UInt8](repeating: 0, count: count + offset)
            unsafe payload.withUnsafeBytes { source in
                unsafe target.withUnsafeMutableBytes { memory in
                    guard count > 0 else { return }
                    unsafe Mask.copy(source, to: memory.baseAddress! + offset, key: testMaskKey)
                }
            }
            #expect(Array(target[offset...]) == WireFrame.masked(payload, key))
        }
    }

    @Test(arguments: Array(0...70) + [1000, 4099])
    func `masks in place, in two parts, as in one`(count: Int) {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let expected = WireFrame.masked(payload, [0x9C, 0x01, 0xFE, 0x37])
        for cut in [0, 1, 2, 3, 4, 5, 7, 8, 9, count / 2, count] where cut <= count {
            var bytes = payload
            unsafe bytes.withUnsafeMutableBytes { memory in
                unsafe Mask.apply(testMaskKey, to: UnsafeMutableRawBufferPointer(rebasing: memory[..<cut]))
                let rest = Mask.advance(testMaskKey, by: cut)
                unsafe Mask.apply(rest, to: UnsafeMutableRawBufferPointer(rebasing: memory[cut...]))
            }
            #expect(bytes == expected, "cut at \(cut)")
        }
    }

    @Test func `masks nothing of nothing`() {
        unsafe Mask.apply(testMaskKey, to: UnsafeMutableRawBufferPointer(start: nil, count: 0))
        var byte: UInt8 = 7
        unsafe Mask.copy(UnsafeRawBufferPointer(start: nil, count: 0), to: &byte, key: testMaskKey)
        #expect(byte == 7)
    }
}
