import HansomTesting
import Testing
import WSConnection

/// What hackney's WebSocket client got wrong, one test each: none of it may ever be wrong here. The connection under
/// test is a client's, as there.
@Suite(.timeLimit(.minutes(5))) struct KnownDefectsTests {
    @Test func `known defect 1: data and close in one segment lost the data (W3, W4)`() async throws {
        try await Bench.run { bench in
            for isActive in [false, true] {
                let (ws, peer) = await bench.connect(isServer: false)
                let events = isActive ? try await ws.events(active: .on) : nil
                try await peer.send(
                    together: Wire.text("a", masked: false), Wire.binary([1], masked: false),
                    Wire.close(4001, "done", masked: false))
                if let events {
                    var told: [String] = []
                    for await event in events { told.append(name(event)) }
                    #expect(told == ["text a", "binary [1]", "closed 4001 \"done\""])
                } else {
                    #expect(try await ws.recv() == .text("a"))
                    #expect(try await ws.recv() == .binary([1]))
                    #expect(await failure { try await ws.recv() }?.close?.reason == "done")
                }
                await peer.close()
            }
        }
    }

    private func name(_ event: WebSocket.Event) -> String {
        switch event {
        case .frame(_, .text(let text)): "text \(text)"
        case .frame(_, .binary(let bytes)): "binary \(bytes)"
        case .frame(_, .ping(let bytes)): "ping \(bytes)"
        case .frame(_, .pong(let bytes)): "pong \(bytes)"
        case .closed(_, let close): "closed \(close)"
        case .failed(_, let error): "failed \(error.code)"
        }
    }

    @Test func `known defect 2: a frame bundled with the 101 was lost, or never told of in active mode (W3)`()
        async throws
    {
        try await Bench.run { bench in
            for isActive in [false, true] {
                let (ws, peer) = await bench.connect(isServer: false, leftover: Wire.text("early", masked: false))
                if isActive {
                    var events = try await ws.events(active: .on).makeAsyncIterator()
                    let event = await events.next()
                    #expect(event.map(name) == "text early")
                } else {
                    #expect(try await ws.recv(timeout: .zero) == .text("early"))
                }
                await peer.close()
            }
        }
    }

    @Test func `known defect 3: once with a part of a frame told of nothing, or of too much (W2)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(isServer: false)
            var events = try await ws.events(active: .once).makeAsyncIterator()
            let frame = Wire.text("in parts", masked: false)
            for byte in frame {
                #expect(await ws.activeMode == .once)
                try await peer.send([byte])
                await bench.settle()
            }
            let event = await events.next()
            #expect(event.map(name) == "text in parts")
            #expect(await ws.activeMode == .off)
        }
    }

    @Test func `known defect 4: once with three frames in a segment told of all three (W2)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(isServer: false)
            let mailbox = EventMailbox()
            try await ws.subscribe(mailbox, active: .once)
            try await peer.send(
                together: Wire.text("1", masked: false), Wire.text("2", masked: false), Wire.text("3", masked: false))
            await bench.settle()
            for number in 1...3 {
                let event = await mailbox.next()
                #expect(event.map(name) == "text \(number)")
                #expect(await ws.activeMode == .off)
                let none = bench.task { await mailbox.next() }
                await bench.settle()
                none.cancel()
                #expect(await none.value == nil)
                try await ws.setActive(.once)
            }
        }
    }

    @Test func `known defect 5: a ping inside a fragmented message broke the message (W5, W7)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(isServer: false)
            try await peer.send(
                together: Wire.text("be", isFinal: false, masked: false), Wire.ping("amid", masked: false),
                Wire.more("gu", isFinal: false, masked: false), Wire.pong("too", masked: false),
                Wire.more("n", isFinal: true, masked: false))
            #expect(try await ws.recv() == .text("begun"))
            try await expectReceived(.pong("amid"), by: peer)
        }
    }

    @Test func `known defect 6: UTF-8 split across reads was refused (W19)`() async throws {
        try await Bench.run { bench in
            let text = "aé漢😀"
            let frame = Wire.text(text, masked: false)
            for cut in 1..<frame.count {
                let (ws, peer) = await bench.connect(isServer: false)
                try await peer.send(Array(frame[..<cut]))
                await bench.settle()
                try await peer.send(Array(frame[cut...]))
                #expect(try await ws.recv() == .text(text))
                await peer.close()
            }
        }
    }

    @Test func `known defect 7: a recv that timed out lost the message that came next (W1)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(isServer: false)
            let frame = Wire.text("late", masked: false)
            try await peer.send(Array(frame.prefix(3)))
            let receiving = bench.task { await failure { try await ws.recv(timeout: .seconds(1)) } }
            await bench.pass(.seconds(1))
            #expect(await receiving.value?.code == .timeout)
            try await peer.send(Array(frame.dropFirst(3)))
            await bench.settle()
            #expect(try await ws.recv(timeout: .seconds(1)) == .text("late"))
        }
    }

    @Test func `known defect 8: a close in passive mode took five seconds (W8)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(isServer: false)
            try await peer.send(Wire.text("never received", masked: false))
            await bench.settle()
            let closing = bench.task { try await ws.close() }
            try await expectReceived(.close(1000), by: peer)
            try await peer.send(Wire.close(1000, masked: false))
            await peer.finish()
            // Time stands still: only the peer's answer can have ended it.
            try await closing.value
            #expect(ws.state == .closed)
            #expect(ws.closeCode == .normal)
        }
    }

    @Test func `known defect 9: whoever was subscribed heard nothing of a local close (W11)`() async throws {
        try await Bench.run { bench in
            for mode in [.on, .once, .off] as [WebSocket.ActiveMode] {
                let (ws, peer) = await bench.connect(isServer: false)
                let events = try await ws.events(active: mode)
                let told = bench.task {
                    var told: [String] = []
                    for await event in events { told.append(name(event)) }
                    return told
                }
                let closing = bench.task { try await ws.close(code: .goingAway) }
                try await expectReceived(.close(1001), by: peer)
                try await peer.send(Wire.close(1001, masked: false))
                await peer.finish()
                try await closing.value
                #expect(await told.value == ["closed 1001"])
            }
        }
    }

    @Test(
        arguments: [
            (Wire.frame(3, [], masked: false), 1002), (Wire.text("masked", masked: true), 1002),
            (Wire.frame(1, [0xFF], masked: false), 1007), (Wire.header(2, 2 << 20, masked: false), 1009),
            (Wire.more("nothing begun", isFinal: true, masked: false), 1002), (Wire.frame(8, [3], masked: false), 1002),
        ] as [([UInt8], UInt16)])
    func `known defect 10: a protocol error ended the connection without a close frame (W10)`(
        bad: [UInt8], code: UInt16
    ) async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(isServer: false)
            try await peer.send(together: bad, Wire.text("after", masked: false))
            #expect(try await peer.frame()?.closeCode == code)
            #expect(await failure { try await ws.recv() }?.code == .protocolViolation)
            #expect(ws.closeCode?.rawValue == code)
            await peer.close()
        }
    }
}
