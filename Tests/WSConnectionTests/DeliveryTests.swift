import Actors
import HansomTesting
import Testing

@testable import WSConnection

/// Delivery is moved from one subscriber to another: nothing is lost, and the order is kept.
@Suite(.timeLimit(.minutes(5))) struct DeliveryTests {
    /// A process that writes down what it is told, until it gets a message of its own.
    private func noting(_ notes: Notes<Told>, on scheduler: Scheduler) -> Process<Input> {
        Process<Input>.spawn(on: scheduler) { me in
            while let event = await me.receive()?.event { await notes.add(Told(event)) }
        }
    }

    private func texts(_ range: Range<Int>) -> [UInt8] { range.flatMap { Wire.text("\($0)") } }

    private func told(_ range: Range<Int>) -> [Told] { range.map { .text("\($0)") } }

    @Test func `a mailbox gives back what nobody has read, also of a connection that has ended (W2, W23)`() async throws
    {
        try await Bench.run { bench in
            for ends in [false, true] {
                let (ws, peer) = await bench.connect()
                let (other, otherPeer) = await bench.connect()
                let mailbox = EventMailbox(capacity: 8)
                try await ws.subscribe(mailbox, active: .on)
                try await other.subscribe(mailbox, active: .on)
                try await peer.send(texts(0..<(ends ? 5 : 20)))
                if ends { try await peer.send(Wire.close(1000)) }
                await bench.settle()
                #expect(await mailbox.next().map(Told.init) == .text("0"))
                try await otherPeer.send(texts(0..<3))
                await bench.settle()

                let notes = Notes<Told>()
                let heir = noting(notes, on: bench.group.next())
                try await ws.transfer(to: heir, active: .on) { .socket($0) }
                if !ends {
                    try await peer.send(texts(20..<23) + Wire.close(1000))
                }
                let expected = told(1..<(ends ? 5 : 23)) + [.closed(1000)]
                await bench.until("not all was told") { await notes.all.count >= expected.count }
                #expect(await notes.all == expected)
                // The others have room again, and theirs was left alone.
                for index in 0..<3 {
                    let event = await mailbox.next()
                    #expect(event?.connection === other)
                    #expect(event.map(Told.init) == .text("\(index)"))
                }
                heir.send(.own(0))
            }
        }
    }

    @Test func `a stream of events ends, and the heir is told what it had not taken (W2, W23)`() async throws {
        try await Bench.run(schedulers: 2) { bench in
            for isStream in [true, false] {
                let (ws, peer) = await bench.connect()
                let first = Notes<Told>()
                let reading: Task<Void, Never>
                if isStream {
                    let stream = try await ws.subscribe(active: .count(2))
                    reading = bench.task { for await event in stream { await first.add(Told(event)) } }
                } else {
                    let events = try await ws.events(active: .count(2))
                    reading = bench.task { for await event in events { await first.add(Told(event)) } }
                }
                try await peer.send(texts(0..<10))
                await bench.until("not told") { await first.all.count == 2 }
                let second = Notes<Told>()
                let heir = noting(second, on: bench.group.next())
                try await ws.transfer(to: heir, active: .count(5)) { .socket($0) }
                await reading.value
                await bench.until("not told") { await second.all.count == 5 }
                #expect(await first.all == told(0..<2))
                // The mode goes along.
                try await ws.setActive(.count(3))
                let third = Notes<Told>()
                let last = noting(third, on: bench.group.next())
                try await ws.transfer(to: last) { .socket($0) }
                try await peer.send(Wire.text("10"))
                await bench.until("not told") { await second.all.count + third.all.count == 8 }
                #expect(await second.all + third.all == told(2..<10))
                #expect(await ws.activeMode == .off)
                #expect(try await ws.recv() == .text("10"))
                heir.send(.own(0))
                last.send(.own(0))
            }
        }
    }

    @Test(arguments: [1, 2], [MailboxOptions.unbounded, .bounded(9, whenFull: .suspend)])
    func `what waits in a process is taken back, its own messages stay, and the heir misses nothing (W2, W23)`(
        schedulers: Int, bound: MailboxOptions
    ) async throws {
        try await Bench.run(schedulers: schedulers) { bench in
            for ends in [false, true] {
                let (ws, peer) = await bench.connect()
                let (other, otherPeer) = await bench.connect()
                let left = Notes<String>()
                let (start, go) = AsyncStream.makeStream(of: Void.self)
                let process = Process<Input>.spawn(on: bench.group.schedulers[schedulers - 1], mailbox: bound) { me in
                    for await _ in start { break }
                    while let input = await me.receive(timeout: .zero) {
                        switch input {
                        case .own(let number): await left.add("own \(number)")
                        case .socket(let event): await left.add(event.connection === ws ? "lost" : "other")
                        }
                    }
                }
                process.send(.own(1))
                try await ws.subscribe(process, active: .on) { .socket($0) }
                try await other.subscribe(process, active: .once) { .socket($0) }
                try await peer.send(texts(0..<3))
                await bench.settle()
                process.send(.own(2))
                try await otherPeer.send(Wire.text("x"))
                await bench.settle()
                try await peer.send(texts(3..<6) + (ends ? Wire.close(1000) : []))
                await bench.settle()

                await ws.unsubscribe(process) { $0.event }
                #expect(await ws.activeMode == .off)
                let notes = Notes<Told>()
                let heir = noting(notes, on: bench.group.next())
                try await ws.transfer(to: heir, active: .on) { .socket($0) }
                if !ends { try await peer.send(texts(6..<30) + Wire.close(1000)) }
                let expected = told(0..<(ends ? 6 : 30)) + [.closed(1000)]
                await bench.until("not all was told") { await notes.all.count >= expected.count }
                #expect(await notes.all == expected)
                go.yield()
                _ = try await process.down()
                #expect(await left.all == ["own 1", "own 2", "other"])
                heir.send(.own(0))
            }
        }
    }

    @Test
    func
        `ownership goes along: the end of the heir ends the connection, that of who had it before does not (W12, W23)`()
        async throws
    {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let notes = Notes<Told>()
            let (first, heir) = (noting(notes, on: bench.group.next()), noting(notes, on: bench.group.next()))
            try await ws.transfer(to: first, active: .on) { .socket($0) }
            try await ws.transfer(to: heir) { .socket($0) }
            #expect(await ws.activeMode == .on)
            first.exit(.shutdown)
            _ = try await first.down()
            try await peer.send(Wire.text("1"))
            await bench.until("not told") { await notes.all == [.text("1")] }
            #expect(ws.state == .open)
            heir.exit(.shutdown)
            try await expectReceived(.close(1001), by: peer)
        }
    }

    @Test func `to a process that has ended it is closed, and what had arrived can be received (W12, W23)`()
        async throws
    {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let mailbox = EventMailbox()
            try await ws.subscribe(mailbox, active: .on)
            try await peer.send(Wire.text("1"))
            await bench.settle()
            let heir = Process<Input>.spawn(on: bench.group.next()) { _ in }
            _ = try await heir.down()
            try await ws.transfer(to: heir) { .socket($0) }
            #expect(try await ws.recv() == .text("1"))
            try await expectReceived(.close(1001), by: peer)
        }
    }

    @Test func `unsubscribed it is passive, and whoever subscribes next goes on where the last one stopped (W2, W23)`()
        async throws
    {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            await ws.unsubscribe()
            let mailbox = EventMailbox(capacity: 2)
            try await ws.subscribe(mailbox, active: .on)
            try await peer.send(texts(0..<8))
            await bench.settle()
            await ws.unsubscribe()
            #expect(await ws.activeMode == .off)
            #expect(try await ws.recv() == .text("0"))
            let events = try await ws.events(active: .once)
            var iterator = events.makeAsyncIterator()
            #expect(await iterator.next().map(Told.init) == .text("1"))
            await ws.unsubscribe()
            #expect(await iterator.next() == nil)
            // The same mailbox again.
            try await ws.subscribe(mailbox, active: .on)
            for index in 2..<8 { #expect(await mailbox.next().map(Told.init) == .text("\(index)")) }
        }
    }

    // MARK: A mailbox that is dropped

    @Test
    func `of a connection that has ended, what nobody read can be received after its mailbox is dropped (W2, W4)`()
        async throws
    {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            do {
                let mailbox = EventMailbox()
                try await ws.subscribe(mailbox, active: .on)
                try await peer.send(texts(0..<3) + Wire.close(1000))
                await bench.settle()
                withExtendedLifetime(mailbox) {}
            }
            await bench.settle()
            for index in 0..<3 { #expect(try await ws.recv(timeout: .seconds(1)) == .text("\(index)")) }
            #expect(await failure { try await ws.recv() }?.code == .closed)
        }
    }

    @Test func `a recv that waits gets what a dropped mailbox gives back (W1, W2)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            var mailbox: EventMailbox? = EventMailbox()
            try await ws.subscribe(mailbox!, active: .on)
            try await peer.send(Wire.ping("p") + texts(0..<3))
            await bench.settle()
            try await ws.setActive(.off)
            let receiving = bench.task { try await ws.recv() }
            await bench.settle()
            mailbox = nil
            #expect(try await receiving.value == .text("0"))
            #expect(try await ws.recv() == .text("1"))
            withExtendedLifetime(mailbox) {}
        }
    }

    @Test func `a subscription of a mailbox that ends late does not end the next of the same connection (W2)`() {
        let hand = ByHand()
        let mailbox = EventMailbox(capacity: 1)
        let (old, new) = (MailboxSink(mailbox.storage, hand.ws), MailboxSink(mailbox.storage, hand.ws))
        old.begin(hand.ws)
        new.begin(hand.ws)
        old.end()
        for _ in 0..<3 { _ = new.offer(.frame(hand.ws, .text("a"))) }
        #expect(mailbox.waitingConnectionCount == 1)
        new.end()
        #expect(mailbox.waitingConnectionCount == 0)
        hand.end()
    }
}
