import Actors
import HansomTesting
import Testing
import WSConnection

@Suite(.timeLimit(.minutes(5))) struct CloseTests {
    @Test func `the messages before a close stay readable, then its code and reason come each time one asks (W4)`()
        async throws
    {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            try await peer.send(together: Wire.text("a"), Wire.binary([1]), Wire.close(3999, "done"), Wire.text("late"))
            await bench.settle()
            #expect(ws.isClosed)
            #expect(try await ws.recv() == .text("a"))
            #expect(try await ws.recv() == .binary([1]))
            for _ in 0..<3 {
                let error = await failure { try await ws.recv() }
                #expect(error?.code == .closed)
                #expect(error?.close == .init(code: .init(rawValue: 3999), reason: "done"))
                #expect(await failure { try await ws.recvFrame(timeout: .seconds(1)) }?.close?.reason == "done")
            }
            #expect(ws.closeCode?.rawValue == 3999)
            #expect(ws.closeReason == "done")
        }
    }

    /// What ends a connection, and the code of the close frame that answers it.
    static let ends: [([UInt8], UInt16)] = [
        (Wire.close(3999, "done"), 3999), (Wire.frame(5, []), 1002),
        (Wire.more("continues nothing", isFinal: false), 1002),
        (Wire.frame(1, [0xFF]), 1007), (Wire.frame(1, Array("more".utf8), masked: false), 1002),
    ]

    @Test(arguments: ends)
    func `what came with a close or a violation, in front of it, is answered first (W9) (W10)`(
        end: [UInt8], code: UInt16
    ) async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let echo = bench.task { for try await message in ws { try await ws.send(message) } }
            await bench.settle()
            for step in ["alone", "together"] {
                if step == "alone" {
                    try await peer.send(Wire.text("alone"))
                } else {
                    try await peer.send(together: Wire.text("together"), Wire.binary([1]), end, Wire.text("late"))
                }
                try await expectReceived(.text(step), by: peer)
            }
            try await expectReceived(.binary([1]), by: peer)
            #expect(try await peer.frame()?.closeCode == code)
            await peer.close()
            await bench.settle()
            #expect(await failure { try await echo.value }?.close?.code.rawValue == code)
            #expect(ws.closeCode?.rawValue == code)
        }
    }

    @Test func `a stream that ends behind a close which is held back does not hide it (W9)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            try await peer.send(together: Wire.text("a"), Wire.close(4000))
            await peer.close()
            await bench.settle()
            #expect(try await ws.recv() == .text("a"))
            #expect(ws.closeCode?.rawValue == 4000)
        }
    }

    @Test(arguments: [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999] as [UInt16])
    func `a close is answered with its code (W9)`(code: UInt16) async throws {
        try await Bench.run { bench in
            for isServer in [true, false] {
                let (ws, peer) = await bench.connect(isServer: isServer)
                try await peer.send(Wire.close(code, "why", masked: isServer))
                try await expectReceived(.close(code), by: peer)
                if !isServer { await peer.close() }
                await expectEnd(of: peer)
                await bench.settle()
                #expect(ws.closeCode?.rawValue == code)
                #expect(ws.state == .closed)
            }
        }
    }

    @Test func `an empty close is answered empty and reported as 1005 (W9)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            try await peer.send(Wire.close(nil))
            try await expectReceived(.emptyClose, by: peer)
            await expectEnd(of: peer)
            #expect(ws.closeCode == .noStatus)
            #expect(ws.closeReason == "")
        }
    }

    @Test(arguments: [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] as [UInt16])
    func `a code that may not be sent is the caller's error, and nothing is sent (W9)`(code: UInt16) async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            #expect(await failure { try await ws.close(code: .init(rawValue: code)) }?.code == .misuse)
            #expect(ws.state == .open)
            try await ws.send(.text("unhurt"))
            try await expectReceived(.text("unhurt"), by: peer)
        }
    }

    @Test func `a reason of 123 bytes is sent, a longer one is the caller's error (W9)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            #expect(await failure { try await ws.close(reason: String(repeating: "x", count: 124)) }?.code == .misuse)
            #expect(await failure { try await ws.close(reason: String(repeating: "é", count: 62)) }?.code == .misuse)
            let longest = String(repeating: "é", count: 61) + "!"
            async let closed: Void = ws.close(reason: longest)
            try await expectReceived(.close(1000, longest), by: peer)
            try await peer.send(Wire.close(1000))
            try await closed
        }
    }

    @Test func `close sends its frame, discards data, and returns when the peer's frame has come (W8)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            try await peer.send(Wire.text("before"))
            await bench.settle()
            let closing = bench.task { try await ws.close(code: .goingAway, reason: "bye") }
            try await expectReceived(.close(1001, "bye"), by: peer)
            #expect(ws.state == .closing)
            try await peer.send(together: Wire.text("discarded"), Wire.ping("unanswered"), Wire.close(1001))
            await expectEnd(of: peer)
            try await closing.value
            #expect(ws.state == .closed)
            #expect(try await ws.recv() == .text("before"))
            #expect(await failure { try await ws.recv() }?.close == .init(code: .goingAway))
        }
    }

    @Test func `the server drops first, the client waits for the end within the same deadline (W8)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(isServer: false)
            let closing = bench.task { try await ws.close() }
            try await expectReceived(.close(1000), by: peer)
            await bench.pass(.seconds(4))
            try await peer.send(Wire.close(1000, masked: false))
            await bench.settle()
            #expect(ws.state == .closing)
            await bench.pass(.seconds(6))
            try await closing.value
            #expect(ws.state == .closed)
            #expect(ws.closeCode == .normal)
            await expectEnd(of: peer)
        }
    }

    @Test func `a client whose peer ends after the close frames is done at once (W8)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(isServer: false)
            let closing = bench.task { try await ws.close() }
            try await expectReceived(.close(1000), by: peer)
            try await peer.send(Wire.close(1000, masked: false))
            await peer.finish()
            try await closing.value
            #expect(ws.closeCode == .normal)
        }
    }

    @Test func `a silent peer is cut at the deadline, and a chatty one does not push it back (W8)`() async throws {
        try await Bench.run { bench in
            for isChatty in [false, true] {
                let (ws, peer) = await bench.connect(closeTimeout: .seconds(7))
                let closing = bench.task { try await ws.close() }
                try await expectReceived(.close(1000), by: peer)
                for _ in 0..<6 {
                    await bench.pass(.seconds(1))
                    if isChatty { try await peer.send(together: Wire.text("still talking"), Wire.ping("and asking")) }
                    #expect(ws.state == .closing)
                }
                await bench.settle()
                await bench.pass(.seconds(1))
                try await closing.value
                #expect(ws.state == .closed)
                #expect(ws.closeCode == .abnormal)
                let error = await failure { try await ws.recv() }
                #expect(error?.code == .connectionLost)
                #expect(error?.phase == .close)
                await expectEnd(of: peer)
            }
        }
    }

    @Test func `both sides may close at once (W8)`() async throws {
        try await Bench.run { bench in
            let pair = await bench.pair()
            async let here: Void = pair.client.close(code: .normal, reason: "c")
            async let there: Void = pair.server.close(code: .goingAway, reason: "s")
            try await here
            try await there
            #expect(pair.client.state == .closed)
            #expect(pair.server.state == .closed)
            #expect(pair.client.closeCode == .goingAway || pair.client.closeCode == .normal)
        }
    }

    @Test func `frames that cross on the way are both taken as the answer (W8)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            async let closing: Void = ws.close(code: .normal, reason: "ours")
            try await peer.send(Wire.close(4000, "theirs"))
            try await closing
            let frames = await peer.remainingFrames()
            #expect(frames == [.close(1000, "ours")] || frames == [.close(4000)])
            #expect(ws.closeCode?.rawValue == 4000)
        }
    }

    @Test func `closing twice, thrice, and after the end is harmless; sending after close throws closed (W8)`()
        async throws
    {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let closings = (0..<3).map { _ in bench.task { try await ws.close() } }
            try await expectReceived(.close(1000), by: peer)
            #expect(await failure { try await ws.send(.text("late")) }?.code == .closed)
            #expect(await failure { try await ws.send(fragments: ["late"]) }?.code == .closed)
            #expect(await failure { try await ws.ping() }?.code == .closed)
            #expect(await failure { try await ws.sendPing() }?.code == .closed)
            #expect(await failure { try await ws.sendPong() }?.code == .closed)
            #expect(await ws.trySend(.text("late")) == .closed)
            try await peer.send(Wire.close(1000))
            for closing in closings { try await closing.value }
            await expectEnd(of: peer)
            try await ws.close()
            let error = await failure { try await ws.send(.text("late")) }
            #expect(error?.code == .closed)
            #expect(error?.close?.code == .normal)
        }
    }

    @Test func `close in a cancelled task sends its frame and drops at once (W8)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let closing = bench.task {
                cancelThisTask()
                try await ws.close(code: .init(rawValue: 4001), reason: "quick")
            }
            try await closing.value
            #expect(ws.state == .closed)
            try await expectReceived(.close(4001, "quick"), by: peer)
            await expectEnd(of: peer)
        }
    }

    @Test func `cancelling a close that waits drops the connection (W8)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let closing = bench.task { try await ws.close() }
            try await expectReceived(.close(1000), by: peer)
            closing.cancel()
            try await closing.value
            #expect(ws.state == .closed)
            await expectEnd(of: peer)
        }
    }

    @Test func `close is prompt in every mode, with frames waiting and the queue full (W8)`() async throws {
        try await Bench.run { bench in
            for mode in [.off, .once, .count(3), .on] as [WebSocket.ActiveMode] {
                let (ws, peer) = await bench.connect()
                let events = try await ws.events(active: mode)
                for index in 0..<40 { try await peer.send(Wire.text("\(index)")) }
                await bench.settle()
                async let closing: Void = ws.close()
                try await expectReceived(.close(1000), by: peer)
                try await peer.send(Wire.close(1000))
                try await closing
                #expect(ws.closeCode == .normal)
                _ = events
            }
        }
    }

    @Test func `the peer's close waits behind what does not fit, and close finds it at once (W8, W15)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            for index in 0..<40 { try await peer.send(Wire.text("\(index)")) }
            try await peer.send(Wire.close(1001))
            await bench.settle()
            #expect(ws.state == .open)
            try await ws.close()
            #expect(ws.closeCode == .goingAway)
            for index in 0..<16 { #expect(try await ws.recv() == .text("\(index)")) }
            #expect(await failure { try await ws.recv() }?.close?.code == .goingAway)
        }
    }

    // MARK: Everything in one segment

    @Test(arguments: [true, false])
    func `data that come together with a close, an end or a reset are delivered first (W3)`(withHandshake: Bool)
        async throws
    {
        let data = Wire.text("first") + Wire.ping("p") + Wire.binary([2])
        for end in ["close", "end", "reset"] {
            try await Bench.run { bench in
                let all = data + (end == "close" ? Wire.close(1001) : [])
                let (ws, peer) = await bench.connect(leftover: withHandshake ? all : [])
                if !withHandshake { try await peer.send(all) }
                if end == "end" { await peer.finish() }
                if end == "reset" { await peer.reset() }
                #expect(try await ws.recv() == .text("first"))
                #expect(try await ws.recv() == .binary([2]))
                let error = await failure { try await ws.recv() }
                #expect(error?.code == (end == "close" ? .closed : .connectionLost))
                #expect(error?.close?.code == (end == "close" ? .goingAway : .abnormal))
            }
        }
    }

    @Test(arguments: [.off, .once, .count(2), .on] as [WebSocket.ActiveMode])
    func `a frame that came with the handshake is delivered in every mode (W3, T31)`(mode: WebSocket.ActiveMode)
        async throws
    {
        let bytes = Wire.text("eins") + Wire.text("zwei") + Wire.close(1000)
        for cut in 0...bytes.count {
            try await Bench.run { bench in
                let (ws, peer) = await bench.connect(leftover: Array(bytes[..<cut]))
                try await peer.send(Array(bytes[cut...]))
                let events = try await ws.events(active: mode)
                var iterator = events.makeAsyncIterator()
                var texts: [WebSocket.Frame] = []
                if mode != .off {
                    while texts.count < 2, case .frame(_, let frame) = await iterator.next() {
                        texts.append(frame)
                        if mode == .once, texts.count == 1 { try await ws.setActive(.once) }
                    }
                } else {
                    for _ in 0..<2 {
                        switch try await ws.recv() {
                        case .text(let text): texts.append(.text(text))
                        case .binary(let bytes): texts.append(.binary(bytes))
                        }
                    }
                }
                #expect(texts == [.text("eins"), .text("zwei")])
                guard case .closed(_, let close) = await iterator.next() else {
                    Issue.record("the end was not told")
                    return
                }
                #expect(close.code == .normal)
                #expect(await iterator.next() == nil)
            }
        }
    }

    // MARK: Protocol errors

    @Test(
        arguments: [
            ([0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], 1002),  // T5
            ([0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], 1009),  // T6
            (Wire.text("bare", masked: false), 1002),  // T8
            ([0xC9, 0x80, 1, 2, 3, 4], 1002),  // T10
            ([0xA1, 0x80, 1, 2, 3, 4], 1002), ([0x91, 0x80, 1, 2, 3, 4], 1002),
            ([0xC1, 0x80, 1, 2, 3, 4], 1002), ([0x83, 0x80, 1, 2, 3, 4], 1002), ([0x8B, 0x80, 1, 2, 3, 4], 1002),
            (Wire.frame(9, [], isFinal: false), 1002), (Wire.header(9, 126), 1002), ([0x81, 0xFE, 0, 125], 1002),
            (Wire.more("nothing to continue", isFinal: true), 1002),
            (Wire.text("a", isFinal: false) + Wire.text("b"), 1002),
            (Wire.frame(1, [0xC0, 0xAF]), 1007), (Wire.frame(1, [0xED, 0xA0, 0x80]), 1007),  // T11
            (Wire.frame(1, [0xCE], isFinal: false) + Wire.frame(0, [0x41]), 1007), (Wire.frame(1, [0xE2, 0x82]), 1007),
            (Wire.close(0), 1002), (Wire.close(999), 1002), (Wire.close(1004), 1002), (Wire.close(1005), 1002),  // T12
            (Wire.close(1006), 1002), (Wire.close(1015), 1002), (Wire.close(1016), 1002), (Wire.close(2999), 1002),
            (Wire.close(5000), 1002), (Wire.frame(8, [3]), 1002), (Wire.frame(8, [3, 0xE8, 0xFF]), 1007),
            (Wire.header(2, 1_048_577), 1009),
        ] as [([UInt8], UInt16)])
    func `a broken rule closes with the right code, after the data before it (W10, T5 to T12)`(
        bytes: [UInt8], code: UInt16
    ) async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            try await peer.send(together: Wire.text("sound"), bytes, Wire.text("swallowed"))
            let answer = try await peer.frame()
            #expect(answer?.closeCode == code)
            #expect(try await ws.recv() == .text("sound"))
            for _ in 0..<2 {
                let error = await failure { try await ws.recv() }
                #expect(error?.code == .protocolViolation)
                #expect(error?.close?.code.rawValue == code)
            }
            #expect(ws.closeCode?.rawValue == code)
            // Our side is shut; what the peer still says is thrown away until it ends too.
            await expectEnd(of: peer)
            #expect(ws.state == .closing)
            try await peer.send(Wire.text("and more"))
            await peer.finish()
            await bench.until("it is not released") { ws.state == .closed }
        }
    }

    @Test func `a masked frame from a server closes the client with 1002 (W10, T9)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(isServer: false)
            try await peer.send(Wire.text("masked"))
            #expect(try await peer.frame()?.closeCode == 1002)
            #expect(await failure { try await ws.recv() }?.code == .protocolViolation)
        }
    }

    @Test func `a violator that neither ends nor stops is cut at the deadline (W10)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            try await peer.send(Wire.frame(3, []))
            #expect(try await peer.frame()?.closeCode == 1002)
            for _ in 0..<9 {
                await bench.pass(.seconds(1))
                try await peer.send(Wire.text("more"))
                #expect(ws.state == .closing)
            }
            await bench.pass(.seconds(1))
            #expect(ws.state == .closed)
        }
    }

    @Test func `a violation while we close ends it too (W8, W10)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let closing = bench.task { try await ws.close() }
            try await expectReceived(.close(1000), by: peer)
            try await peer.send(Wire.frame(3, []))
            await peer.finish()
            try await closing.value
            #expect(await failure { try await ws.recv() }?.code == .protocolViolation)
        }
    }

    @Test func `the reason for 1009 names the limit, and so does the error (W15)`() async throws {
        try await Bench.run { bench in
            var limits = WebSocket.Limits()
            limits.messageSize = 10
            limits.fragments = 3
            let (ws, peer) = await bench.connect(limits: limits)
            try await peer.send(Wire.header(2, 11))
            let answer = try await peer.frame()
            #expect(answer?.words.contains("limits.messageSize 10") == true)
            #expect(await failure { try await ws.recv() }?.message.contains("limits.messageSize 10") == true)
            let (other, otherPeer) = await bench.connect(limits: limits)
            try await otherPeer.send(
                together: Wire.text("", isFinal: false), Wire.more("", isFinal: false), Wire.more("", isFinal: false),
                Wire.more("", isFinal: false))
            #expect(try await otherPeer.frame()?.words.contains("limits.fragments 3") == true)
            #expect(await failure { try await other.recv() }?.close?.code == .messageTooBig)
        }
    }
}
