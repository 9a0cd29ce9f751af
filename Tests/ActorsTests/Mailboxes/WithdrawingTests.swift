import Actors
import HansomTesting
import Testing

/// Messages that are taken out of a mailbox again before the body has taken them.
@Suite(.timeLimit(.minutes(1))) struct WithdrawingTests {
    @Test(arguments: [MailboxOptions.unbounded, .bounded(40, whenFull: .suspend)])
    func `what is taken back leaves the others in their order, a down where it is, and its places free (P2, P7, P14)`(
        bound: MailboxOptions
    ) async throws {
        let group = try SchedulerGroup(options: .init(count: 2))
        let (start, go) = AsyncStream.makeStream(of: Void.self)
        let (ready, isReady) = AsyncStream.makeStream(of: Void.self)
        let results = Probe<[Int]>()
        let mortal = Process<Int>.spawn(on: group.schedulers[0]) { me in _ = await me.receive() }
        let process = Process<Int>.spawn(on: group.schedulers[1], mailbox: bound) { me in
            let gone = me.monitor(mortal.pid) { _ in -1 }
            let stays = me.monitor(mortal.pid) { _ in -2 }
            isReady.yield()
            for await _ in start { break }
            me.demonitor(gone, flush: true)
            _ = stays
            var all: [Int] = []
            while let next = await me.receive(timeout: .zero) { all.append(next) }
            results.record(all)
        }
        for await _ in ready { break }
        for number in 0..<20 { process.send(number) }
        mortal.send(0)
        _ = try await mortal.down()
        for number in 20..<40 { process.send(number) }
        let odd = await process.withdraw { number in number > 0 && number % 2 == 1 ? "\(number)" : nil }
        #expect(odd == (0..<40).filter { $0 % 2 == 1 }.map(String.init))
        #expect(await process.withdraw { $0 == 99 ? 99 : nil } == [])
        for number in 40..<60 { #expect(process.trySend(number) == .sent) }
        if bound != .unbounded { #expect(process.trySend(60) == .full) }
        go.yield()
        _ = try await process.down()
        let even = (0..<40).filter { $0 % 2 == 0 }
        // The down comes where it came: the process's scheduler had it before 20 was sent.
        #expect(results.values == [even.prefix(10) + [-2] + even.suffix(10) + Array(40..<60)])
        await group.shutdown()
    }
}
