import HansomTesting
import Testing

@testable import Actors

@Suite(.ownThread, .timeLimit(.minutes(1))) struct BoundedMailboxTests {
    let world = World()

    /// A process that does not look at its mailbox until it is let go, and then records all that is in it.
    private func reader(
        _ whenFull: MailboxOptions.Overflow, _ got: Probe<Int>, limit: Int = 3
    ) -> (process: Process<Int>, latch: DrivenLatch) {
        let latch = DrivenLatch(world.driven)
        let process = world.spawn(Int.self, mailbox: .bounded(limit, whenFull: whenFull)) { me in
            await latch.wait()
            while let number = await me.receive() { got.record(number) }
        }
        return (process, latch)
    }

    private func send(_ numbers: Range<Int>, to process: Process<Int>, fromElsewhere: Bool) {
        if fromElsewhere {
            OSThreads.run { _ in for number in numbers { process.send(number) } }
            world.driven.settle()
        } else {
            world.play { for number in numbers { process.send(number) } }
        }
    }

    @Test(arguments: [MailboxOptions.Overflow.suspend, .dropNewest, .fail, .dropOldest], [false, true])
    func `a full mailbox drops what its policy says and counts it (P14)`(
        whenFull: MailboxOptions.Overflow, fromElsewhere: Bool
    ) {
        let got = Probe<Int>()
        let (process, latch) = reader(whenFull, got)
        send(0..<5, to: process, fromElsewhere: fromElsewhere)
        #expect(world.scheduler.messagesDropped == 2)
        latch.open()
        world.driven.settle()
        #expect(got.values == (whenFull == .dropOldest ? [2, 3, 4] : [0, 1, 2]))
        send(5..<7, to: process, fromElsewhere: fromElsewhere)
        #expect(got.values.suffix(2) == [5, 6], "places are free again")
        #expect(world.scheduler.deadLetters == 0)
        world.end()
    }

    @Test(arguments: [false, true], [false, true])
    func `a full mailbox that kills ends its process, also one that traps exits (P14)`(traps: Bool, fromElsewhere: Bool)
        throws
    {
        let latch = DrivenLatch(world.driven)
        let process = world.spawn(Int.self, mailbox: .bounded(3, whenFull: .kill)) { me in
            if traps { me.trapExits { _ in -1 } }
            await latch.wait()
        }
        send(0..<100, to: process, fromElsewhere: fromElsewhere)
        latch.open()
        world.driven.settle()
        #expect(!process.pid.isAlive)
        #expect(process.core.endReason?.error as? MailboxOverflow == MailboxOverflow(limit: 3))
        let crash = try #require(
            world.events.values.lazy.compactMap { if case .crash(let crash) = $0 { crash } else { nil } }.first)
        #expect(crash.process.pid == process.pid)
    }

    @Test(arguments: MailboxOptions.Overflow.allCases, [false, true])
    func `trySend says what became of the message (P14)`(whenFull: MailboxOptions.Overflow, fromElsewhere: Bool) {
        let got = Probe<Int>()
        let (process, latch) = reader(whenFull, got, limit: 2)
        let results = Probe<SendResult>()
        let attempt: @Sendable () -> Void = { for number in 0..<3 { results.record(process.trySend(number)) } }
        if fromElsewhere { OSThreads.run { _ in attempt() } } else { world.play(attempt) }
        world.driven.settle()
        #expect(results.values == [.sent, .sent, .full])
        latch.open()
        world.driven.settle()
        #expect(got.values == [0, 1])
        #expect(process.pid.isAlive)
        world.play { process.exit(.kill) }
        #expect(process.trySend(9) == .dead)
    }

    /// The ways by which a sender on another thread brings a number to a process.
    enum Way: CaseIterable, Sendable {
        case send, address, broadcast, trySend, call

        func bring(_ number: Int, to process: Process<Int>) {
            switch self {
            case .send: process.send(number)
            case .address: process.address.send(number)
            case .broadcast: ProcessGroup<Int>("way").broadcast(number)
            case .trySend: _ = process.trySend(number)
            case .call: _ = try? process.begin(nil) { (_: Reply<Int>) in number }
            }
        }
    }

    @Test(arguments: Way.allCases, [MailboxOptions.Overflow.suspend, .dropNewest, .fail, .dropOldest, .kill])
    func `what is sent later takes no place from what was sent before, whatever the way (P2, P14)`(
        way: Way, whenFull: MailboxOptions.Overflow
    ) {
        let got = Probe<Int>()
        let (process, latch) = reader(whenFull, got, limit: 2)
        ProcessGroup<Int>("way").join(process)
        way.bring(0, to: process)
        way.bring(1, to: process)
        #expect(process.trySend(2) == .full)
        world.driven.settle()
        latch.open()
        world.driven.settle()
        #expect(got.values == [0, 1])
        #expect(world.scheduler.messagesDropped == 0)
        #expect(process.trySend(3) == .sent && process.trySend(4) == .sent, "places are free again")
        world.driven.settle()
        #expect(got.values == [0, 1, 3, 4])
        world.end()
    }

    @Test(arguments: [MailboxOptions.Overflow.suspend, .dropNewest, .fail, .dropOldest])
    func `what found no place does not get that of what comes later (P2, P14)`(whenFull: MailboxOptions.Overflow) {
        let got = Probe<Int>()
        let (process, latch) = reader(whenFull, got, limit: 2)
        for number in 0..<3 { process.send(number) }
        latch.open()
        world.driven.settle()
        #expect(got.values == (whenFull == .dropOldest ? [1, 2] : [0, 1]))
        #expect(world.scheduler.messagesDropped == 1)
        world.end()
    }

    @Test func `trySend to one that is ending takes nothing (P14)`() {
        let latch = DrivenLatch(world.driven)
        for mailbox in [MailboxOptions.unbounded, .bounded(5, whenFull: .fail)] {
            let process = world.spawn(Int.self, mailbox: mailbox) { _ in await latch.wait() }
            #expect(world.play { process.trySend(1) } == .sent)
            world.play { process.exit(.shutdown) }
            #expect(world.play { process.trySend(2) } == .dead)
            world.play { process.exit(.kill) }
        }
    }

    @Test func `signals come into a full mailbox and take no place in it (P14, P24)`() {
        let log = Probe<String>()
        let latch = DrivenLatch(world.driven)
        let targets = (0..<3).map { _ in world.puppet() }
        let process = world.spawn(Puppet.self, mailbox: .bounded(2, whenFull: .dropOldest)) { me in
            for target in targets { me.monitor(target.pid) { .down($0) } }
            await latch.wait()
            while let message = await me.receive() { try await message.play(me, log) }
        }
        world.play {
            targets[0].exit(.kill)
            process.send(.text("one"))
            process.send(.text("two"))
            targets[1].exit(.kill)
            process.send(.text("three"))
            targets[2].exit(.kill)
        }
        latch.open()
        world.driven.settle()
        #expect(log.values == ["down killed", "two", "down killed", "three", "down killed"])
        world.play {
            process.pid.suspend()
            for text in ["a", "b", "c"] { process.send(.text(text)) }
            process.pid.resume()
        }
        #expect(log.values.suffix(3) == ["down killed", "b", "c"], "two places, as before")
        world.end()
    }

    // MARK: Senders that wait

    /// A process that sends one number after another and waits for room, and says what became of each.
    private func sender(_ numbers: [Int], to process: Process<Int>, _ log: Probe<String>) -> Process<Int> {
        world.spawn(Int.self) { _ in
            for number in numbers {
                do {
                    try await process.send(waiting: number)
                    log.record("sent \(number)")
                } catch let error as CallError {
                    log.record("\(number): \(error.code)")
                } catch {
                    log.record("\(number): \(error)")
                }
            }
        }
    }

    @Test func `senders wait for room and get it in their order (P14)`() async throws {
        try await withGroup { group in
            let (latch, got) = (Latch(), Probe<Int>())
            let reader = Process<Int>.spawn(on: group.schedulers[0], mailbox: .bounded(1, whenFull: .suspend)) { me in
                await latch.wait()
                for await number in me.mailbox {
                    got.record(number)
                    if number == 99 { return }
                }
            }
            #expect(reader.trySend(0) == .sent)
            for number in 1...20 {
                Process<Int>.spawn(on: group.schedulers[number % 2]) { _ in
                    try await reader.send(waiting: number == 20 ? 99 : number)
                }
                // Each waits before the next one comes.
                let waiting = { @Sendable (_: Scheduler) in reader.onOwnThread { $0.bound?.waiterCount ?? 0 } }
                while await group.schedulers[0].ask(waiting) < number { await Task.yield() }
            }
            latch.open()
            _ = try await reader.down()
            #expect(got.values == Array(0..<20) + [99])
        }
    }

    @Test func `a sender that is cancelled while it waits has sent nothing (P14)`() async throws {
        try await withGroup { group in
            let (latch, got, log) = (Latch(), Probe<Int>(), Probe<String>())
            let reader = Process<Int>.spawn(on: group.schedulers[0], mailbox: .bounded(1, whenFull: .suspend)) { me in
                await latch.wait()
                while let number = await me.receive() { got.record(number) }
            }
            #expect(reader.trySend(0) == .sent)
            let sender = Task {
                do { try await reader.send(waiting: 1) } catch { log.record("\(type(of: error))") }
            }
            while await group.schedulers[0].ask({ _ in reader.onOwnThread { $0.bound?.waiterCount ?? 0 } }) < 1 {
                await Task.yield()
            }
            sender.cancel()
            await sender.value
            latch.open()
            try await reader.send(waiting: 2)
            try await reader.send(waiting: 3)
            reader.exit(.shutdown)
            _ = try await reader.down()
            #expect(got.values.prefix(2) == [0, 2])
            #expect(!got.values.contains(1))
            #expect(log.values == ["CancellationError"])
        }
    }

    @Test(arguments: [ExitReason.shutdown, .kill])
    func `a sender that waits hears of the end of the reader (P14)`(reason: ExitReason) async throws {
        try await withGroup { group in
            let latch = Latch()
            let reader = Process<Int>.spawn(on: group.schedulers[0], mailbox: .bounded(1, whenFull: .suspend)) { _ in
                await latch.wait()
            }
            #expect(reader.trySend(0) == .sent)
            let senders = (0..<3).map { number in
                Task { () -> CallError.Code? in
                    do { try await reader.send(waiting: number) } catch { return (error as? CallError)?.code }
                    return nil
                }
            }
            while await group.schedulers[0].ask({ _ in reader.onOwnThread { $0.bound?.waiterCount ?? 0 } }) < 3 {
                await Task.yield()
            }
            reader.exit(reason)
            for sender in senders { #expect(await sender.value == .noProcess) }
            latch.open()
            _ = try await reader.down()
            let error = await #expect(throws: CallError.self) { try await reader.send(waiting: 9) }
            #expect(error?.code == .noProcess)
        }
    }

    @Test func `with room nobody waits (P14)`() {
        let (got, log) = (Probe<Int>(), Probe<String>())
        let (process, latch) = reader(.suspend, got)
        _ = sender([1, 2, 3], to: process, log)
        #expect(log.values == ["sent 1", "sent 2", "sent 3"])
        latch.open()
        world.driven.settle()
        #expect(got.values == [1, 2, 3])
        world.end()
    }

    @Test(arguments: [3, 8, 10, 16, 1_000, 1_024])
    func `a mailbox that grows past the threshold is reported, once (P14, P21)`(threshold: Int) {
        let world = World(mailboxWarning: threshold)
        let latch = DrivenLatch(world.driven)
        let process = world.spawn(Int.self) { _ in await latch.wait() }
        world.play { for number in 0...threshold * 4 { process.send(number) } }
        let lengths = world.events.values.map { if case .longMailbox(let report) = $0 { report.length } else { -1 } }
        #expect(lengths.count == 1)
        #expect(lengths.allSatisfy { $0 <= threshold && $0 * 2 > threshold }, "\(lengths)")
        world.end()
    }

    @Test func `a body that would wait for room in its own full mailbox gets an error at once (P14)`() {
        let log = Probe<String>()
        let process = world.spawn(Int.self, mailbox: .bounded(1, whenFull: .suspend)) { me in
            for number in 0..<2 {
                do {
                    try await me.send(waiting: number)
                    log.record("sent")
                } catch let error as CallError { log.record("\(error.code)") }
            }
            log.record("\(await me.receive() ?? -1)")
            // A helper may wait: the body goes on and makes room.
            me.send(5)
            let helper = Task { try await me.send(waiting: 6) }
            for _ in 0..<2 { log.record("\(await me.receive() ?? -1)") }
            try await helper.value
        }
        world.wait { !process.pid.isAlive }
        #expect(log.values == ["sent", "full", "0", "5", "6"])
        world.end()
    }

    @Test(arguments: ["time", "cancel", "room", "end"])
    func `who waits for room waits so long, or until the task is cancelled, or the process ends (P14)`(way: String) {
        let other = World(index: 1)
        let log = Probe<String>()
        let latch = DrivenLatch(world.driven)
        let got = Probe<Int>()
        let slow = world.spawn(Int.self, mailbox: .bounded(1, whenFull: .suspend)) { me in
            await latch.wait()
            while let number = await me.receive() { got.record(number) }
        }
        slow.send(1)
        let sender = other.spawn(Int.self) { _ in
            do {
                try await slow.send(waiting: 2, timeout: .seconds(1))
                log.record("sent")
            } catch { log.record((error as? CallError)?.code.description ?? "\(type(of: error))") }
        }
        other.wait { other.scheduler.alarmCount == 1 }
        switch way {
        case "time": other.advance(by: .seconds(1))
        case "cancel": other.play { sender.exit(.shutdown) }
        case "end": world.play { slow.exit(.shutdown) }
        default: break
        }
        if way == "time" || way == "cancel" {
            // Without the help of the thread on which the mailbox is.
            other.wait { log.count == 1 }
        }
        latch.open()
        world.driven.settle()
        other.wait { log.count == 1 }
        #expect(log.values == [["time": "timeout", "cancel": "CancellationError", "end": "noProcess"][way] ?? "sent"])
        #expect(got.values == (way == "end" ? [] : way == "room" ? [1, 2] : [1]))
        other.wait { !sender.pid.isAlive }
        #expect(other.scheduler.alarmCount == 0 && slow.bound?.waiterCount == 0)
        if way != "end" { #expect(slow.trySend(3) == .sent, "the place is free") }
        world.end()
    }
}
