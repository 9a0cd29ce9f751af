/// Frames of compressed messages, as a server sends them, with a payload of any bytes.
enum CompressedFrames {
    static func choose(_ choices: inout Choices) -> [UInt8] {
        var bytes: [UInt8] = []
        var isInMessage = false
        while !choices.isEmpty {
            let shape = choices.byte()
            let isFinal = shape & 1 == 0
            let payload = shape & 2 == 0 ? choices.bytes(Int(shape >> 2)) : choices.remaining()
            let first: UInt8 = isInMessage ? 0 : 0x40 | (shape & 0x80 == 0 ? 1 : 2)
            bytes.append(first | (isFinal ? 0x80 : 0))
            bytes +=
                payload.count < 126
                ? [UInt8(payload.count)] : [126, UInt8(payload.count >> 8 & 255), UInt8(payload.count & 255)]
            bytes += payload
            isInMessage = !isFinal
        }
        return bytes
    }
}
