import ProtocolTesting
import Testing
import WSProtocol

/// Little that becomes much.
@Suite(.timeLimit(.minutes(2))) struct BombTests {
    private static let failure = ProtocolFailure(.inflatedTooBig(limit: 1 << 20))

    @Test func `1 GiB of zeros in one frame ends with 1009 at the limit (T1)`() throws {
        #expect(Self.failure.code == .messageTooBig)
        let pieces = try zeroPieces()
        let payload = pieces.first + (1..<1024).flatMap { _ in pieces.other }
        #expect(payload.count > 1 << 20)
        for options in [CompressionOptions.eager, .forgetful] {
            // As long as it may be on the wire, to get past the header.
            var pair = try CompressedPair(client: options, server: options)
            let bomb = WireFrame.compressed(Array(payload.prefix(1 << 20)), isText: false)
            var most = 0
            var events: [ProtocolEvent] = []
            let bytes = bomb.bytes()
            for start in stride(from: 0, to: bytes.count, by: 4096) where events.isEmpty {
                events += pair.server.receive(Array(bytes[start..<min(start + 4096, bytes.count)]))
                most = max(most, pair.server.bytesBuffered)
            }
            #expect(events == [.failure(Self.failure)])
            #expect(most <= 2 << 20)
            #expect(pair.server.bytesBuffered == 0)
            #expect(pair.server.holdsCompressionContext == false)
            let sent = pair.server.sentFrames()
            #expect(sent == [.close(1009, Self.failure.description)])
            #expect(Self.failure.description.utf8.count <= 123)
        }
    }

    @Test func `1 GiB of zeros in 1,024 fragments ends with 1009 at the limit (T1)`() throws {
        let pieces = try zeroPieces()
        var pair = try CompressedPair()
        var events = pair.server.receive([.compressed(pieces.first, isText: false, isFinal: false)])
        #expect(events.isEmpty)
        var frames = 1
        while events.isEmpty, frames < 1024 {
            events = pair.server.receive([.continuation(pieces.other, isFinal: false)])
            frames += 1
            #expect(pair.server.bytesBuffered <= 2 << 20)
        }
        #expect(frames == 2)
        #expect(events == [.failure(Self.failure)])
    }

    @Test func `handed out in parts, 1 GiB of zeros comes in parts of bounded length (T1) (W6)`() throws {
        let pieces = try zeroPieces()
        var pair = try CompressedPair(.init(maxMessageSize: 1 << 30, maxFragments: 4096))
        pair.server.delivery = .fragments
        var total = 0
        for index in 0..<1024 {
            let isFinal = index == 1023
            var payload = index == 0 ? pieces.first : pieces.other
            if isFinal { payload.append(0) }
            let frame =
                index == 0
                ? WireFrame.compressed(payload, isText: false, isFinal: false)
                : .continuation(payload, isFinal: isFinal)
            for event in pair.server.receive([frame]) {
                guard case .fragment(let fragment) = event, case .binary(let bytes) = fragment.payload else {
                    Issue.record("\(event)")
                    return
                }
                if bytes.count > 100_000 { Issue.record("a part of \(bytes.count) bytes") }
                if fragment.isFirst != (total == 0) { Issue.record("isFirst at \(total)") }
                total += bytes.count
                if fragment.isFinal != (total == 1 << 30) && bytes.count > 0 { Issue.record("isFinal at \(total)") }
            }
        }
        #expect(total == 1 << 30)
    }

    @Test func `a message that inflates to exactly the limit passes, one byte more does not (W6)`() throws {
        for count in [0, 1, 255, 256, 257, 4096, 70_000] {
            let limits = MessageLimits(maxMessageSize: count)
            var pair = try CompressedPair(limits)
            try pair.client.send(binary: [UInt8](repeating: 7, count: count), compress: true)
            let passed = pair.server.receive(pair.client.output.drain(), inPiecesOf: 3)
            #expect(passed == [.binary([UInt8](repeating: 7, count: count))])
            try pair.client.send(binary: [UInt8](repeating: 7, count: count + 1), compress: true)
            let failed = pair.server.receive(pair.client.output.drain(), inPiecesOf: 3)
            #expect(failed == [.failure(.init(.inflatedTooBig(limit: count)))])
        }
    }

    @Test func `what does not compress may be a little longer on the wire than the limit (W6)`() throws {
        var generator = SeededGenerator(seed: 5)
        let noise = (0..<65536).map { _ in UInt8.random(in: 0...255, using: &generator) }
        var pair = try CompressedPair(.init(maxMessageSize: noise.count))
        try pair.client.send(binary: noise)
        let bytes = pair.client.output.drain()
        #expect(bytes.count > noise.count + 8)
        let events = pair.server.receive(bytes)
        #expect(events == [.binary(noise)])
    }

    @Test func `blocks that inflate to nothing end with 1009 too (T1) (T2)`() throws {
        var pair = try CompressedPair(.init(maxMessageSize: 1000))
        let nothing: [UInt8] = (0..<40).flatMap { _ in [0x00, 0x00, 0x00, 0xFF, 0xFF] as [UInt8] }
        var events = pair.server.receive([.compressed(nothing, isFinal: false)])
        var total = nothing.count
        while events.isEmpty, total < 10_000 {
            events = pair.server.receive([.continuation(nothing, isFinal: false)])
            total += nothing.count
        }
        #expect(events == [.failure(.init(.messageTooBig(count: total, limit: 1000)))])
        #expect(total <= 1400)
    }

    @Test func `a message in parts is put back where it stopped, masked as it came (W6)`() throws {
        var generator = SeededGenerator(seed: 9)
        let letters = Array("abcdefgh ä€🚕")
        let text = String((0..<400_000).map { _ in letters.randomElement(using: &generator) ?? " " })
        for size in [1, 7, 4096, 1 << 20] {
            var pair = try CompressedPair(.init(maxMessageSize: 1 << 22))
            pair.server.delivery = .fragments
            try pair.client.send(text: text)
            let bytes = pair.client.output.drain()
            var received = ""
            for event in pair.server.receive(bytes, inPiecesOf: size) {
                guard case .fragment(let fragment) = event, case .text(let part) = fragment.payload else {
                    Issue.record("\(event)")
                    return
                }
                received += part
            }
            #expect(received.utf8.elementsEqual(text.utf8), "in pieces of \(size)")
        }
    }
}
