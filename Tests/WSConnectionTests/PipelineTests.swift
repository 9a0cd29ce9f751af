import Actors
import HansomTesting
import Testing
import WSConnection

/// Lets whoever waits go on, one after the other.
private actor Turnstile {
    private var permits = 0
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func wait() async {
        if permits > 0 { permits -= 1 } else { await withCheckedContinuation { waiting.append($0) } }
    }

    func pass(_ count: Int) {
        for _ in 0..<count { if waiting.isEmpty { permits += 1 } else { waiting.removeFirst().resume() } }
    }
}

/// Handles one message after the other, each when the test lets it.
private struct SlowWorker: Consumer {
    let turnstile: Turnstile
    let handled: Probe<Int>

    mutating func consume(_ messages: [WebSocket.Message], _ me: isolated Me) async throws {
        for message in messages {
            await turnstile.wait()
            if case .text(let text) = message { handled.record(Int(text.prefix { $0 != " " }) ?? -1) }
        }
    }
}

/// A connection as the source of a pipeline (P36).
@Suite(.timeLimit(.minutes(2))) struct PipelineTests {
    /// Of 1 KiB each, and where it stands in line.
    private static func message(_ number: Int) -> String {
        let text = "\(number) "
        return text + String(repeating: "x", count: 1024 - text.utf8.count)
    }

    private static var narrow: WebSocket.Limits {
        var limits = WebSocket.Limits()
        limits.inboundMessages = 4
        limits.outboundHighWater = 4 << 10
        limits.outboundLowWater = 2 << 10
        return limits
    }

    /// How many messages may be on their way: those that the worker has asked for, that wait in the connection, in its
    /// backlog and the pipe, in the peer's output, and one that each hand holds.
    private static let bound = 4 + 4 + 4 + 4 + 4 + 4

    @Test(arguments: [1, 2])
    func `a slow worker makes the peer's send wait, with bounded memory, and all arrives in order (P36)`(
        schedulers: Int
    ) async throws {
        try await Bench.run(schedulers: schedulers) { bench in
            let count = 200
            let pair = await WebSocketPair.connect(
                on: bench.group, clientLimits: Self.narrow, serverLimits: Self.narrow, capacity: 4 << 10)
            let sent = Probe<Int>()
            let sending = bench.task {
                for number in 0..<count {
                    try await pair.client.send(Self.message(number))
                    sent.record(number)
                }
                try await pair.client.close()
            }
            await bench.settle()
            let place = bench.group.schedulers[0]
            let messages = try await SequenceProducer(pair.server).started(on: place)
            let (turnstile, handled) = (Turnstile(), Probe<Int>())
            await bench.settle()
            #expect(sent.count <= Self.bound - 4, "nobody has asked")
            let worker = try await SlowWorker(turnstile: turnstile, handled: handled)
                .started(from: .producer(messages, max: 4, min: 3), on: place)
            for round in 1...10 {
                await bench.settle()
                #expect(sent.count - handled.count <= Self.bound, "round \(round)")
                #expect(try await messages.statistics(timeout: nil).demand <= 4)
                await turnstile.pass(1)
                await bench.until("the worker goes on") { handled.count >= round }
                #expect(handled.count <= round)
            }
            #expect(sent.count < 50)
            await turnstile.pass(count)
            await bench.until("all have arrived") { handled.count == count }
            try await sending.value
            #expect(handled.values == Array(0..<count))
            // An orderly close is the end of the sequence, and so of the pipeline.
            #expect(try await messages.pid.down() == .normal)
            #expect(try await worker.pid.down() == .normal)
        }
    }

    @Test func `a connection that is lost ends the pipeline, behind what had arrived (P36)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let (turnstile, handled) = (Turnstile(), Probe<Int>())
            await turnstile.pass(10)
            let messages = try await SequenceProducer(ws).started(on: bench.group.schedulers[0])
            let worker = try await SlowWorker(turnstile: turnstile, handled: handled)
                .started(from: .producer(messages), on: bench.group.schedulers[0])
            try await peer.send(together: Wire.text("1 "), Wire.text("2 "))
            await peer.finish()
            let reason = try await worker.pid.down()
            #expect(reason.error(as: WebSocketError.self)?.code == .connectionLost)
            #expect(handled.values == [1, 2])
            #expect(!messages.pid.isAlive)
            await peer.close()
        }
    }

    @Test func `when the pipeline ends the connection is free for others (P36)`() async throws {
        try await Bench.run { bench in
            let pair = await bench.pair()
            let (turnstile, handled) = (Turnstile(), Probe<Int>())
            await turnstile.pass(10)
            let place = bench.group.schedulers[0]
            let messages = try await SequenceProducer(pair.server).started(on: place)
            let worker = try await SlowWorker(turnstile: turnstile, handled: handled)
                .started(from: .producer(messages), on: place)
            try await pair.client.send("1 ")
            await bench.until("it has arrived") { handled.count == 1 }
            #expect(await messages.stop() == .shutdown)
            #expect(try await worker.pid.down() == .shutdown)
            try await pair.client.send("2 ")
            #expect(try await pair.server.recv() == .text("2 "))
            try await pair.client.close()
        }
    }
}
