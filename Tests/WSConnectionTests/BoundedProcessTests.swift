import Actors
import HansomTesting
import Testing
import WSConnection

/// Active mode into a process whose mailbox is bounded.
@Suite(.timeLimit(.minutes(5))) struct BoundedProcessTests {
    /// What a process does that takes nothing until it is told to, and then writes down what it takes.
    private static func reader(
        on scheduler: Scheduler, _ mailbox: MailboxOptions, _ notes: Notes<Told>, after start: AsyncStream<Void>
    ) -> Process<Input> {
        Process<Input>.spawn(on: scheduler, mailbox: mailbox) { me in
            for await _ in start { break }
            while let input = await me.receive() {
                guard let event = input.event else { return }
                await notes.add(Told(event))
            }
        }
    }

    private static let texts = (0..<100).map { "\($0)" }

    @Test(arguments: MailboxOptions.Overflow.allCases, [1, 2])
    func `it hears of the end by every policy, and one that has no room yet makes the connection wait (W2, W11, P14)`(
        policy: MailboxOptions.Overflow, schedulers: Int
    ) async throws {
        try await Bench.run(schedulers: schedulers) { bench in
            let (ws, peer) = await bench.connect()
            let notes = Notes<Told>()
            let (start, go) = AsyncStream.makeStream(of: Void.self)
            let process = BoundedProcessTests.reader(
                on: bench.group.schedulers[schedulers - 1], .bounded(4, whenFull: policy), notes, after: start)
            try await ws.subscribe(process, active: .on) { .socket($0) }
            try await peer.send(Self.texts.flatMap { Wire.text($0) } + Wire.close(1000))
            await bench.settle()
            go.yield()
            if policy == .kill {
                let ending = try await process.down()
                #expect(ending.error is MailboxOverflow)
                await bench.until("it is still active") { await ws.activeMode == .off }
                return
            }
            let kept = policy == .dropOldest ? Array(Self.texts.suffix(4)) : Self.texts
            let expected = kept.map { Told.text($0) } + [.closed(1000)]
            await bench.until("not all was told") { await notes.all.count >= expected.count }
            #expect(await notes.all == expected)
            process.send(.own(0))
            _ = try await process.down()
        }
    }

    @Test(arguments: [1, 2])
    func `a connection that turns passive while it waits for a place leaves it to the next in line (W2, P14)`(
        schedulers: Int
    ) async throws {
        try await Bench.run(schedulers: schedulers) { bench in
            let (ws, peer) = await bench.connect()
            let (start, go) = AsyncStream.makeStream(of: Void.self)
            let taken = Notes<String>()
            let process = Process<Input>.spawn(
                on: bench.group.schedulers[schedulers - 1], mailbox: .bounded(2, whenFull: .suspend)
            ) { me in
                for await _ in start {
                    guard let input = await me.receive() else { return }
                    switch input {
                    case .own(let number): await taken.add("own \(number)")
                    case .socket(let event): await taken.add("\(Told(event))")
                    }
                }
            }
            for waysOut in 0..<2 {
                // A place that the connection was offered and does not want is on its way back, from its scheduler.
                for number in 0..<2 {
                    await bench.until("it is not empty") { process.trySend(.own(number)) == .sent }
                }
                try await ws.subscribe(process, active: .on) { .socket($0) }
                try await peer.send(Wire.text("kept"))
                await bench.settle()
                let waiting = bench.task { try await process.send(waiting: .own(2)) }
                await bench.settle()
                if waysOut == 0 { try await ws.setActive(.off) } else { await ws.unsubscribe() }
                for _ in 0..<3 { go.yield() }
                try await waiting.value
                await bench.until("not taken") { await taken.all.count == 3 * (waysOut + 1) }
                #expect(await taken.all.suffix(3) == ["own 0", "own 1", "own 2"])
                #expect(try await ws.recv() == .text("kept"))
                await ws.unsubscribe()
            }
            // No place has got lost.
            for number in 0..<2 {
                await bench.until("a place is lost") { process.trySend(.own(number)) == .sent }
            }
            #expect(process.trySend(.own(2)) == .full)
            process.exit(.kill)
        }
    }

    @Test func `a process that is ending takes no frame, and nothing is lost (W2)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let (start, go) = AsyncStream.makeStream(of: Void.self)
            let process = Process<Input>.spawn(on: bench.group.schedulers[0]) { _ in
                // Cancelled, it still has something to do.
                await Task { for await _ in start { break } }.value
            }
            try await ws.subscribe(process, active: .on) { .socket($0) }
            await bench.settle()
            process.exit(.shutdown)
            await bench.settle()
            #expect(process.pid.isAlive)
            try await peer.send(Wire.text("kept"))
            await bench.settle()
            #expect(try await ws.recv() == .text("kept"))
            go.yield()
            _ = try await process.down()
        }
    }
}
