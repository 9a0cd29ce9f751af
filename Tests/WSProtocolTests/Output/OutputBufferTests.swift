import Testing

@testable import WSProtocol

@Suite(.timeLimit(.minutes(2))) struct OutputBufferTests {
    private func chunks(of buffer: borrowing OutputBuffer) -> [[UInt8]] {
        (0..<buffer.chunkCount).map { index in unsafe Array(buffer.chunk(index)) }
    }

    private func stage(_ bytes: [UInt8], in buffer: inout OutputBuffer) {
        let target = unsafe buffer.reserve(bytes.count)
        for (offset, byte) in bytes.enumerated() {
            unsafe target.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
        }
        buffer.commit(bytes.count)
    }

    @Test func `is empty at first`() {
        var buffer = OutputBuffer()
        #expect(buffer.isEmpty == true)
        #expect(buffer.count == 0)
        #expect(buffer.chunkCount == 0)
        #expect(buffer.hasStorage == false)
        let drained = buffer.drain()
        #expect(drained.isEmpty)
        let reclaimed = unsafe buffer.reclaim() == nil
        #expect(reclaimed)
    }

    @Test func `retains large payloads where they are, each at its place in the stream`() throws {
        var server = makeServer()
        let large = [UInt8](repeating: 0x42, count: 8192)
        let text = String(repeating: "t", count: 9000)
        try server.send(binary: [1, 2])
        try server.send(binary: large)
        try server.send(text: text)
        try server.send(binary: [3])
        let pieces = chunks(of: server.output)
        #expect(
            pieces == [
                [0x82, 2, 1, 2, 0x82, 126, 0x20, 0], large, [0x81, 126, 0x23, 0x28], Array(text.utf8), [0x82, 1, 3],
            ])
        let address = unsafe large.withUnsafeBytes { $0.baseAddress }
        let isSame = unsafe server.output.chunk(1).baseAddress == address
        #expect(isSame)
    }

    @Test(arguments: [1, 2, 3, 7, 100, 4096, 8192, 8193, 20_000])
    func `gives the same bytes however they are consumed`(step: Int) throws {
        var server = makeServer()
        var stream: [UInt8] = []
        var consumed = 0
        for round in 0..<6 {
            for count in [3, 9000, 200, 8192, 8192, 1] {
                let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &+ round) }
                try server.send(binary: payload)
                stream += WireFrame.binary(payload).bytes(mask: nil)
            }
            // Every other round leaves something behind, so that positions must survive a part being gone.
            let target = round % 2 == 0 ? server.output.count / 2 : 0
            while server.output.count > target {
                let first = unsafe server.output.chunk(0)[0]
                #expect(first == stream[consumed])
                let taken = min(step, server.output.count - target)
                server.output.consume(taken)
                consumed += taken
            }
            let left = chunks(of: server.output)
            #expect(left.allSatisfy { !$0.isEmpty })
            #expect(Array(left.joined()) == Array(stream[consumed...]))
        }
        #expect(server.output.isEmpty == true)
        #expect(server.output.chunkCount == 0)
    }

    @Test func `lets a payload go as soon as it is through`() throws {
        var server = makeServer()
        for _ in 0..<4 { try server.send(binary: Array(repeating: 0, count: 8192)) }
        #expect(server.output.chunkCount == 8)
        server.output.consume(4 + 8192 + 4 + 8000)
        #expect(server.output.chunkCount == 5)
        server.output.consume(192)
        #expect(server.output.chunkCount == 4)
        server.output.consume(server.output.count)
        #expect(server.output.chunkCount == 0)
    }

    @Test func `stages in lent storage, and gives it back when empty`() throws {
        var server = makeServer()
        let lent = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 16)
        let address = UInt(bitPattern: lent.baseAddress)
        unsafe server.output.lend(lent)
        #expect(server.output.hasStorage == true)
        try server.send(text: "hello")
        let early = unsafe server.output.reclaim() == nil
        #expect(early)
        let stagedAt = unsafe UInt(bitPattern: server.output.chunk(0).baseAddress)
        #expect(stagedAt == address)
        _ = server.output.drain()
        let back = unsafe server.output.reclaim()
        let (backAddress, backCount) = unsafe (UInt(bitPattern: back?.baseAddress), back?.count)
        #expect(backAddress == address)
        #expect(backCount == 64)
        #expect(server.output.hasStorage == false)
        unsafe back?.deallocate()
    }

    @Test func `grows past lent storage, keeping what waits`() throws {
        var server = makeServer()
        unsafe server.output.lend(.allocate(byteCount: 64, alignment: 16))
        try server.send(binary: Array(1...50))
        try server.send(binary: Array(51...90))
        let sent = server.sentFrames()
        #expect(sent == [.binary(Array(1...50)), .binary(Array(51...90))])
        let grown = unsafe server.output.reclaim()
        let grownCount = unsafe grown?.count ?? 0
        #expect(grownCount >= 94)
        unsafe grown?.deallocate()
    }

    @Test func `uses the room in front again instead of growing`() {
        var buffer = OutputBuffer()
        unsafe buffer.lend(.allocate(byteCount: 64, alignment: 16))
        var next: UInt8 = 0
        var expected: UInt8 = 0
        for _ in 0..<100 {
            stage((0..<20).map { next &+ $0 }, in: &buffer)
            next &+= 20
            // 20 in, 20 out, 10 to 30 of them always waiting.
            if buffer.count > 20 {
                let first = unsafe buffer.chunk(0)[0]
                #expect(first == expected)
                buffer.consume(20)
                expected &+= 20
            }
        }
        buffer.consume(buffer.count)
        let back = unsafe buffer.reclaim()
        let backCount = unsafe back?.count
        #expect(backCount == 64)
        unsafe back?.deallocate()
    }
}
