import ProtocolTesting
import Testing
import WSProtocol

/// Whatever both ends want, what is sent is what arrives.
@Suite(.timeLimit(.minutes(5))) struct RoundTripTests {
    private static func options(_ generator: inout SeededGenerator) -> CompressionOptions {
        CompressionOptions(
            sendWindowBits: .random(in: 8...15, using: &generator),
            receiveWindowBits: .random(in: 8...15, using: &generator),
            sendContextTakeover: .random(using: &generator), receiveContextTakeover: .random(using: &generator),
            threshold: [0, 1, 100, 5000].randomElement(using: &generator) ?? 0,
            level: .random(in: 0...9, using: &generator), memoryLevel: .random(in: 1...9, using: &generator))
    }

    /// Noise, runs and repetitions from far and near.
    private static func payload(_ generator: inout SeededGenerator) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 0...12, using: &generator) {
            let count = Int.random(in: 0...3000, using: &generator)
            switch Int.random(in: 0...2, using: &generator) {
            case 0: for _ in 0..<count { bytes.append(.random(in: 0...255, using: &generator)) }
            case 1: bytes += [UInt8](repeating: .random(in: 0...255, using: &generator), count: count)
            default: bytes += bytes.suffix(count).prefix(Int.random(in: 0...count, using: &generator))
            }
        }
        return bytes
    }

    @Test(arguments: 0..<60)
    func `any two ends understand each other (W17)`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var pair = try CompressedPair(client: Self.options(&generator), server: Self.options(&generator))
        for _ in 0..<8 {
            let payload = Self.payload(&generator)
            let wish: Bool? = [nil, true, false].randomElement(using: &generator) ?? nil
            let cut = Int.random(in: 0...payload.count, using: &generator)
            let size = [1, 100, 65536].randomElement(using: &generator) ?? 1
            if Bool.random(using: &generator) {
                try pair.client.send(binary: payload, compress: wish)
                try pair.server.sendFragment(binary: Array(payload[..<cut]), isFinal: false, compress: wish)
                try pair.server.sendFragment(binary: Array(payload[cut...]), isFinal: true)
            } else {
                try pair.server.send(binary: payload, compress: wish)
                try pair.client.sendFragment(binary: Array(payload[..<cut]), isFinal: false, compress: wish)
                try pair.client.sendFragment(binary: Array(payload[cut...]), isFinal: true)
            }
            let atServer = pair.server.receive(pair.client.output.drain(), inPiecesOf: size)
            let atClient = pair.client.receive(pair.server.output.drain(), inPiecesOf: size)
            #expect(atServer == [.binary(payload)])
            #expect(atClient == [.binary(payload)])
        }
    }

    @Test(arguments: 8...15)
    func `every window of either side works, with repetitions at every distance (W17)`(bits: Int) throws {
        var generator = SeededGenerator(seed: UInt64(bits))
        let options = CompressionOptions(sendWindowBits: bits, receiveWindowBits: bits, threshold: 0)
        var pair = try CompressedPair(client: options, server: options)
        let unit = (0..<700).map { _ in UInt8.random(in: 0...255, using: &generator) }
        for distance in [100, 240, 249, 250, 251, 255, 256, 257, 400, 511, 512, 700] {
            let payload = unit.prefix(distance) + unit.prefix(distance) + unit
            try pair.client.send(binary: Array(payload))
            try pair.server.send(binary: Array(payload))
            let atServer = pair.server.receive(pair.client.output.drain())
            let atClient = pair.client.receive(pair.server.output.drain())
            #expect(atServer == [.binary(Array(payload))])
            #expect(atClient == [.binary(Array(payload))])
        }
    }

    @Test(arguments: 0..<40)
    func `garbage in compressed frames fails with a code, and never traps (T14)`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let agreed = try negotiate(client: .eager, server: .eager).server
        for _ in 0..<50 {
            var server = ProtocolMachine(
                role: .server, limits: MessageLimits(maxMessageSize: 5000), compression: agreed)
            let payload = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            let bytes = WireFrame.compressed(payload, isText: .random(using: &generator)).bytes()
            let whole = server.receive(bytes)
            var again = ProtocolMachine(role: .server, limits: MessageLimits(maxMessageSize: 5000), compression: agreed)
            let pieces = again.receive(bytes, inPiecesOf: 1)
            #expect(whole.count == 1)
            #expect(whole == pieces)
        }
    }
}
