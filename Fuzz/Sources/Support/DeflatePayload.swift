/// Payloads that compress well, badly, and over long distances.
enum DeflatePayload {
    static func choose(_ choices: inout Choices) -> [UInt8] {
        let shape = choices.byte()
        let piece = choices.bytes(Int(choices.byte()))
        switch shape % 4 {
        case 0: return piece
        case 1: return Array(repeatElement(piece, count: 1 + Int(shape >> 2)).joined())
        case 2: return piece + noise(Int(shape) * 150, seed: piece.count) + piece
        default: return [UInt8](repeating: shape, count: Int(shape) * 400)
        }
    }

    private static func noise(_ count: Int, seed: Int) -> [UInt8] {
        var state = UInt32(truncatingIfNeeded: seed) &* 2 &+ 1
        return (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(truncatingIfNeeded: state >> 24)
        }
    }
}
