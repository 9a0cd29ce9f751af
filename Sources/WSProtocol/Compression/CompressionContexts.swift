/// The compressor and the inflater of one connection. Each is made for the first message that needs it; without context takeover
/// it is gone when that message is.
final class CompressionContexts: @unchecked Sendable {
    // Safety: `@unchecked` since only the machine that made it has it, and a machine is never copied.

    /// From how many bytes on a message is compressed.
    let threshold: Int
    /// How far back what is sent may refer.
    let sendWindowBits: Int
    let keepsSendContext: Bool
    private let receiveWindowBits: Int
    private let keepsReceiveContext: Bool
    let level: Int
    let memoryLevel: Int
    /// How many bytes may still be inflated before the input has to wait.
    var inflationAllowance = Int.max
    /// By how much what waits to be written is shorter than what it was made of.
    var bytesSaved = 0
    /// Whether the fragmented message being sent is compressed.
    var isCompressingFragments = false
    private var deflater: Deflater?
    private var inflater: Inflater?

    init(_ agreement: CompressionAgreement, isServer: Bool) {
        let options = agreement.options
        threshold = options.threshold
        level = options.level
        memoryLevel = options.memoryLevel
        sendWindowBits = isServer ? agreement.serverWindowBits : agreement.clientWindowBits
        receiveWindowBits = isServer ? agreement.clientWindowBits : agreement.serverWindowBits
        keepsSendContext = isServer ? agreement.serverContextTakeover : agreement.clientContextTakeover
        keepsReceiveContext = isServer ? agreement.clientContextTakeover : agreement.serverContextTakeover
    }

    /// Whether memory is held for either direction.
    var isEmpty: Bool { deflater == nil && inflater == nil }

    /// The compressor, made if there is none; `nil` without memory.
    func compressor() -> Deflater? {
        if deflater == nil {
            deflater = Deflater(windowBits: sendWindowBits, level: level, memoryLevel: memoryLevel)
        }
        return deflater
    }

    /// The inflater, made if there is none; `nil` without memory.
    func decompressor() -> Inflater? {
        if inflater == nil { inflater = Inflater(windowBits: receiveWindowBits) }
        return inflater
    }

    /// A message has been sent.
    func endSentMessage() {
        if !keepsSendContext { deflater = nil }
    }

    /// The next message refers to nothing that was sent before.
    func forgetSent() { deflater = nil }

    /// A message has been received.
    func endReceivedMessage() {
        if !keepsReceiveContext { inflater = nil }
    }

    /// Nothing is compressed or inflated any more.
    func release() {
        deflater = nil
        inflater = nil
    }
}
