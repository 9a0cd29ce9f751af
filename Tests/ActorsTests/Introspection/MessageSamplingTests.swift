import HansomTesting
import Testing

@testable import Actors

/// What is measured of messages, one in so many.
@Suite(.ownThread, .timeLimit(.minutes(1))) struct MessageSamplingTests {
    let world = World()

    /// What was measured since the last time, in milliseconds.
    private var measured: (waits: [UInt64], handlings: [UInt64]) {
        guard let (waits, handlings) = world.scheduler.sampler?.takeAll() else { return ([], []) }
        return (waits.map { $0 / 1_000_000 }, handlings.map { $0 / 1_000_000 })
    }

    private func measure(oneIn interval: Int?) { world.play { world.scheduler.measureMessages(oneIn: interval) } }

    /// Handles each message for so many milliseconds.
    private func worker(mailbox: MailboxOptions = .unbounded) -> Process<Int> {
        let world = world
        return world.spawn(Int.self, mailbox: mailbox) { me in
            for await milliseconds in me.mailbox { world.driven.time.advance(by: .milliseconds(milliseconds)) }
        }
    }

    private func isPlain(_ process: Process<Int>) -> Bool { world.play { process.isPlain } }

    @Test func `nothing is measured until somebody asks, and when nobody asks any more (P38)`() {
        let process = worker()
        for _ in 0..<3 { world.play { process.send(1) } }
        #expect(world.scheduler.sampler == nil && isPlain(process))
        measure(oneIn: 1)
        world.play { process.send(1) }
        #expect(measured.handlings == [1] && !isPlain(process))
        measure(oneIn: nil)
        for _ in 0..<3 { world.play { process.send(1) } }
        #expect(world.scheduler.sampler == nil && isPlain(process))
        world.end()
    }

    @Test(arguments: [MailboxOptions.unbounded, .bounded(8, whenFull: .suspend)])
    func `a message that finds its process at rest waits as long as that does not run (P38)`(mailbox: MailboxOptions) {
        measure(oneIn: 1)
        let process = worker(mailbox: mailbox)
        world.play { process.send(3) }
        #expect(measured == ([], [3]))
        world.driven.run { process.send(0) }
        world.driven.time.advance(by: .milliseconds(7))
        world.driven.settle()
        #expect(measured == ([7], [0]))
        world.end()
    }

    @Test func `one that finds others waits until they are done with (P38)`() {
        measure(oneIn: 1)
        let process = worker()
        world.play { for milliseconds in [2, 3, 4] { process.send(milliseconds) } }
        let (waits, handlings) = measured
        // Behind the first there are 3 and 4 ms to do, behind the second 4.
        #expect(waits == [7, 4] && handlings == [2, 3, 4])
        world.end()
    }

    @Test(arguments: [[1, 2, 3], [1, 3, 2], [3, 2, 1], [2, 1, 3]])
    func `a selective receive moves the places, and no wait is lost (P38)`(order: [Int]) {
        measure(oneIn: 1)
        let world = world
        let process = world.spawn(Int.self) { me in
            // The first is on its way when the others come.
            _ = await me.receive()
            world.driven.time.advance(by: .milliseconds(1))
            for wanted in order {
                _ = await me.receive { $0 == wanted }
                world.driven.time.advance(by: .milliseconds(10))
            }
            while await me.receive() != nil {}
        }
        world.play { for number in 0...3 { process.send(number) } }
        let (waits, handlings) = measured
        // The last of the three was there when the first was done with, and has waited for the two before it at least.
        #expect(waits.contains { $0 >= 20 } && handlings.first == 1)
        #expect(world.play { process.onOwnThread { $0.special?.marks?.waits.isEmpty } } != false)
        world.end()
    }

    @Test func `one that was dropped, or withdrawn, was never taken (P14, P38)`() async {
        measure(oneIn: 1)
        let process = worker(mailbox: .bounded(1, whenFull: .dropOldest))
        world.play { process.send(1) }
        // The first is expected to be measured, and dropped.
        world.play { for number in 5...6 { process.send(number) } }
        #expect(measured == ([], [1, 6]))
        world.end()
    }

    @Test func `a process that ends in the midst is done with its message (P38)`() {
        measure(oneIn: 1)
        let world = world
        let process = world.spawn(Int.self) { me in
            _ = await me.receive()
            world.driven.time.advance(by: .milliseconds(5))
        }
        world.play { process.send(0) }
        #expect(measured.handlings == [5])
        world.end()
    }

    @Test(arguments: [150, 1_000])
    func `one message in so many is measured, however they come (P38)`(interval: Int) {
        let count = 40_000
        for burst in [1, 7, 5_000] {
            let world = World()
            let process = world.spawn(Int.self) { me in while await me.receive() != nil {} }
            world.play { world.scheduler.measureMessages(oneIn: interval) }
            var seen = 0
            for _ in 0..<count / burst {
                world.play { for number in 0..<burst { process.send(number) } }
                seen += world.scheduler.sampler?.takeAll().handlings.count ?? 0
            }
            // Of what takes no time, so many are taken between two questions.
            #expect(interval > JobBudget.widestPace)
            let expected = count / interval
            #expect(seen > expected / 2 && seen < expected * 3 / 2, "\(seen) of \(count) in bursts of \(burst)")
            world.end()
        }
    }

    @Test func `the store is bounded, and thinned out when it is full (P38)`() {
        let sampler = MessageSampler(oneIn: 10)
        #expect((0..<1_000).reduce(0) { sum, _ in sum + sampler.distance() } / 1_000 == 10)
        for number in 0..<10_000 { sampler.add(wait: UInt64(number)) }
        let far = (0..<1_000).reduce(0) { sum, _ in sum + sampler.distance() } / 1_000
        #expect(far > 100, "the more there are, the fewer are measured")
        let waits = sampler.takeAll().waits
        #expect(waits.count >= MessageSampler.room / 2 && waits.count < MessageSampler.room)
        #expect(waits == waits.sorted() && sampler.takeAll().waits.isEmpty)
        #expect(sampler.distance() <= 15)
        #expect(MessageSampler(oneIn: 1).distance() == 1 && MessageSampler(oneIn: .max).distance() > 1 << 38)
    }

    @Test func `a job that is asked about its first message may do as much as any other (P30, P38)`() {
        func jobs(measuring interval: Int?) -> UInt64 {
            let world = World()
            world.play { world.scheduler.measureMessages(oneIn: interval) }
            let process = world.spawn(Int.self) { me in while await me.receive() != nil {} }
            world.play { for number in 0..<20_000 { process.send(number) } }
            defer { world.end() }
            return world.scheduler.jobsRun
        }
        #expect(jobs(measuring: nil) == jobs(measuring: 1))
    }
}

/// Who is told what a group reports.
@Suite(.timeLimit(.minutes(1))) struct ReportObserverTests {
    @Test func `several may observe what a group reports, beside the one in its settings (P21)`() async throws {
        let own = Probe<String>()
        let others = [Probe<String>(), Probe<String>()]
        let group = try SchedulerGroup(options: .init(count: 1, system: SystemSettings { own.record("\($0)") }))
        let observations = others.map { probe in group.observeReports { probe.record("\($0)") } }
        func crash() async throws {
            _ = try await Process<Int>.spawn(on: group.schedulers[0]) { _ in throw Failure() }.down()
        }
        try await crash()
        observations[0].cancel()
        try await crash()
        #expect(own.count == 2 && others.map(\.count) == [1, 2])
        await group.shutdown()
    }
}
