import Glibc
import HansomTesting
import Testing

@testable import Actors

@Suite(.ownThread, .timeLimit(.minutes(1))) struct CallTests {
    enum Request: Sendable {
        case get(Reply<Int>)
        case keep(Reply<Int>)
        case drop(Reply<Int>)
        case fail(Reply<Int>)
        case end(Reply<Int>)
    }

    let world = World()
    let log = Probe<String>()
    let kept = Probe<Reply<Int>>()

    private func callee(on other: World? = nil) -> Process<Request> {
        (other ?? world).spawn(Request.self) { [kept] me in
            while let request = await me.receive() {
                switch request {
                case .get(let reply): reply(42)
                case .keep(let reply): kept.record(reply)
                case .drop: break
                case .fail(let reply): reply.fail(Failure())
                case .end: throw ExitReason.shutdown("ended")
                }
            }
        }
    }

    /// Calls from a puppet, which records what came of it.
    private func call(
        _ callee: Process<Request>, by caller: Process<Puppet>, timeout: Duration? = .seconds(5),
        _ request: @escaping @Sendable (Reply<Int>) -> Request
    ) {
        world.tell(caller) { [log] _ in log.record(await outcome { try await callee.call(timeout: timeout, request) }) }
    }

    @Test(arguments: [false, true]) func `a call gives the reply, the error, or why there is none (P11)`(crosses: Bool)
    {
        let other = crosses ? World(index: 1) : world
        let (callee, caller) = (callee(on: other), world.puppet())
        for request in [Request.get, Request.fail, Request.drop, Request.end, Request.get] {
            call(callee, by: caller, request)
            other.driven.settle()
            world.driven.settle()
        }
        #expect(log.values == ["42", "failure", "replyDropped", "exited shutdown(ended)", "noProcess"])
        #expect(world.scheduler.alarmCount == 0 && callee.core.observerCount == 0)
        world.end()
    }

    @Test func `a call waits 5 s unless told otherwise, and a late reply reaches nobody (P11)`() {
        let (callee, caller) = (callee(), world.puppet())
        call(callee, by: caller, Request.keep)
        world.advance(by: .milliseconds(4_999))
        #expect(log.values == [])
        world.advance(by: .milliseconds(1))
        #expect(log.values == ["timeout"])
        call(callee, by: caller, timeout: nil, Request.keep)
        world.play { kept.values[0](1) }
        world.advance(by: .seconds(1_000))
        #expect(log.values == ["timeout"])
        world.play { kept.values[1](2) }
        world.play { kept.values[1](3) }
        #expect(log.values == ["timeout", "2"])
        #expect(callee.core.observerCount == 0)
        world.end()
    }

    @Test(arguments: [false, true]) func `a token says who calls (P11)`(crosses: Bool) async throws {
        let other = crosses ? World(index: 1) : world
        let (callee, caller) = (callee(on: other), world.puppet())
        call(callee, by: caller, Request.keep)
        world.tell(caller) { [log] _ in
            // A helper calls for the process that has started it.
            async let answer = outcome { try await callee.call(Request.keep) }
            log.record(await answer)
        }
        for _ in 0..<2 {
            other.driven.settle()
            kept.values.last?(1)
            world.driven.settle()
        }
        world.wait {
            other.driven.settle()
            return kept.count == 2
        }
        #expect(kept.values.map(\.caller) == [caller.pid, caller.pid])
        kept.values.last?(2)
        let outside = Task { await outcome { try await callee.call(Request.keep) } }
        world.wait {
            other.driven.settle()
            return kept.count == 3
        }
        #expect(kept.values[2].caller == nil)
        kept.values[2](3)
        other.driven.settle()
        #expect(await outside.value == "3")
        world.end()
    }

    @Test func `an offer counts exactly if the call returns it (P11)`() {
        let (callee, caller) = (callee(), world.puppet())
        call(callee, by: caller, timeout: .seconds(1), Request.keep)
        #expect(world.play { kept.values[0].offer(1) })
        #expect(world.play { !kept.values[0].offer(2) })
        call(callee, by: caller, timeout: .seconds(1), Request.keep)
        world.advance(by: .seconds(1))
        #expect(world.play { !kept.values[1].offer(3) })
        call(callee, by: caller, timeout: nil, Request.keep)
        world.play { caller.exit(.shutdown) }
        #expect(world.play { !kept.values[2].offer(4) })
        #expect(log.values == ["1", "timeout", "cancelled"])
        world.end()
    }

    @Test func `to call oneself is an error and no deadlock (P11)`() {
        let server = world.spawn(Request.self) { [log] me in
            log.record(await outcome { try await me.call(Request.get) })
        }
        #expect(log.values == ["calledSelf"])
        #expect(!server.pid.isAlive)
    }

    @Test(arguments: [ExitReason.shutdown("x"), .kill]) func `a callee that dies meanwhile ends the call (P11)`(
        reason: ExitReason
    ) {
        let (callee, caller) = (callee(), world.puppet())
        call(callee, by: caller, timeout: nil, Request.keep)
        world.play { callee.exit(reason) }
        #expect(log.values == [reason.kind == .kill ? "exited killed" : "exited shutdown(x)"])
        world.end()
    }

    @Test func `a caller that ends gives up its call (P11)`() {
        let (callee, caller) = (callee(), world.puppet())
        call(callee, by: caller, timeout: nil, Request.keep)
        world.play { caller.exit(.shutdown) }
        #expect(log.values == ["cancelled"])
        #expect(!caller.pid.isAlive && callee.core.observerCount == 0)
        world.end()
    }

    @Test func `a caller that was told to end before gives up each call at once (P11)`() {
        let callee = callee()
        let caller = world.spawn(Int.self) { [log] me in
            while await me.receive() != nil {}
            for _ in 0..<2 { log.record(await outcome { try await callee.call(timeout: nil, Request.keep) }) }
        }
        world.play { caller.exit(.shutdown) }
        #expect(log.values == ["cancelled", "cancelled"])
        #expect(!caller.pid.isAlive && callee.core.observerCount == 0)
        world.end()
    }

    @Test func `a call of a task that a body has started at once ends with that task's cancellation (P11)`() {
        let callee = callee()
        let caller = world.spawn(Int.self) { [log] _ in
            let helper = Task.immediate {
                log.record(await outcome { try await callee.call(timeout: nil, Request.keep) })
            }
            let begun = Task { await Task.yield() }
            await begun.value
            helper.cancel()
            await helper.value
            log.record(await outcome { try await callee.call(Request.get) })
        }
        world.wait { log.count == 2 }
        #expect(log.values == ["cancelled", "42"])
        world.wait { !caller.pid.isAlive }
        #expect(callee.core.observerCount == 0)
        world.end()
    }

    @Test func `a call of what cleans up is not given up for an exit signal, but for a kill (P4, P11)`() {
        let callee = callee()
        let caller = world.spawn(Int.self) { [log, kept] me in
            await me.cleanUp { _ in
                log.record(await outcome { try await callee.call(Request.get) })
                log.record(await outcome { try await callee.call(timeout: nil, Request.keep) })
                log.record(await outcome { try await callee.call(timeout: nil, Request.keep) })
            }
            log.record("\(kept.count)")
        }
        world.driven.settle()
        world.play { caller.exit(.shutdown) }
        #expect(log.values == ["42"])
        world.play { kept.values[0](7) }
        #expect(log.values == ["42", "7"])
        world.play { caller.exit(.kill) }
        #expect(log.values == ["42", "7", "cancelled", "2"])
        #expect(!caller.pid.isAlive && callee.core.observerCount == 0)
        world.end()
    }

    @Test func `a reply comes past a long mailbox, and one call lets no other message in (P3, P11, P13)`() {
        let (callee, caller) = (callee(), world.puppet(log))
        call(callee, by: caller, Request.keep)
        world.play { for number in 0..<10_000 { caller.send(.text("\(number)")) } }
        #expect(log.count == 0)
        world.play { kept.values[0](7) }
        #expect(log.values.first == "7" && log.count == 10_001)
        world.end()
    }

    @Test func `an address calls like its process (P1, P11)`() {
        let (callee, caller) = (callee(), world.puppet())
        let address = callee.address
        world.tell(caller) { [log] _ in log.record(await outcome { try await address.call(Request.get) }) }
        world.play { callee.exit(.kill) }
        world.tell(caller) { [log] _ in log.record(await outcome { try await address.call(Request.get) }) }
        #expect(log.values == ["42", "noProcess"])
        world.end()
    }

    @Test func `calls from outside get the same answers (P11)`() async throws {
        try await withGroup { group in
            let callee = Process<Request>.spawn(on: group.schedulers[0]) { me in
                for await request in me.mailbox {
                    switch request {
                    case .get(let reply): reply(42)
                    case .keep(let reply): Kept.replies.record(reply)
                    default: return
                    }
                }
            }
            #expect(await outcome { try await callee.call(Request.get) } == "42")
            let cancelled = Task { await outcome { try await callee.call(timeout: nil, Request.keep) } }
            cancelled.cancel()
            #expect(await cancelled.value == "cancelled")
            #expect(await outcome { try await callee.call(Request.drop) } == "exited normal")
            #expect(await outcome { try await callee.call(Request.drop) } == "noProcess")
        }
    }

    @Test(arguments: ["task", "detached", "child"], [false, true])
    func `a helper that the body has started may call it, and does so from anywhere (P11)`(
        helper: String, crosses: Bool
    ) {
        let other = World(index: 1)
        let server = world.spawn(Request.self) { [log] me in
            let call = { @Sendable in log.record(await outcome { try await me.call(Request.get) }) }
            let place = crosses ? other.scheduler : world.scheduler
            let serve = {
                if case .get(let reply) = await me.receive() { reply(7) }
            }
            switch helper {
            case "task":
                Task(executorPreference: place) { await call() }
                await serve()
            case "detached":
                Task.detached(executorPreference: place) { await call() }
                await serve()
            default:
                await withTaskGroup { group in
                    group.addTask(executorPreference: place) { await call() }
                    await serve()
                }
            }
        }
        for _ in 0..<100_000 where log.count == 0 {
            sched_yield()
            other.driven.settle()
            world.driven.settle()
        }
        #expect(log.values == ["7"])
        world.wait { !server.pid.isAlive }
        #expect(!server.pid.isAlive)
    }

    @Test func `the body that waits for itself is told so wherever it runs (P11)`() {
        // An asynchronous function that is isolated to nobody is the body all the same.
        @concurrent @Sendable func elsewhere(_ server: Process<Request>, _ log: Probe<String>) async {
            log.record(await outcome { try await server.call(Request.get) })
        }
        let server = world.spawn(Request.self) { [log] me in await elsewhere(me, log) }
        world.wait { log.count == 1 }
        #expect(log.values == ["calledSelf"])
        world.wait { !server.pid.isAlive }
    }

    // MARK: Bounded mailboxes

    /// One that looks at its mailbox only when it is let go.
    private func bounded(_ whenFull: MailboxOptions.Overflow, _ latch: DrivenLatch, on place: World) -> Process<Request>
    {
        place.spawn(Request.self, mailbox: .bounded(1, whenFull: whenFull)) { me in
            await latch.wait()
            while let request = await me.receive() { if case .get(let reply) = request { reply(42) } }
        }
    }

    @Test(arguments: [false, true], [false, true])
    func `a call to a full mailbox that suspends waits for a place, within its timeout (P11, P14)`(
        crosses: Bool, byAddress: Bool
    ) {
        let other = crosses ? World(index: 1) : world
        let latch = DrivenLatch(other.driven)
        let callee = bounded(.suspend, latch, on: other)
        let callers = (0..<3).map { _ in world.puppet() }
        let settle = {
            for _ in 0..<3 {
                world.driven.settle()
                other.driven.settle()
            }
        }
        for (number, caller) in callers.enumerated() {
            let timeout = Duration.seconds(number == 1 ? 1 : 60)
            world.tell(caller) { [log] _ in
                let result =
                    byAddress
                    ? await outcome { try await callee.address.call(timeout: timeout, Request.get) }
                    : await outcome { try await callee.call(timeout: timeout, Request.get) }
                log.record("\(number) \(result)")
            }
            settle()
        }
        #expect(log.values == [] && other.scheduler.messagesDropped == 0)
        #expect(callee.bound?.waiterCount == 2)
        other.driven.time.advance(by: .seconds(1))
        world.advance(by: .seconds(1))
        settle()
        #expect(log.values == ["1 timeout"])
        #expect(callee.bound?.waiterCount == 1, "who has given up takes no place")
        latch.open()
        settle()
        #expect(log.values == ["1 timeout", "0 42", "2 42"])
        #expect(callee.core.observerCount == 0 && callee.trySend(.get(Kept.none)) == .sent)
        world.end()
    }

    @Test(
        arguments: [MailboxOptions.Overflow.fail, .dropNewest],
        [(false, false), (false, true), (true, false), (true, true)])
    func `a call to a full mailbox that drops what comes says so at once (P11, P14)`(
        whenFull: MailboxOptions.Overflow, way: (crosses: Bool, byAddress: Bool)
    ) {
        let (crosses, byAddress) = way
        let other = crosses ? World(index: 1) : world
        let latch = DrivenLatch(other.driven)
        let (callee, caller) = (bounded(whenFull, latch, on: other), world.puppet())
        other.play { callee.send(.keep(Kept.none)) }
        world.tell(caller) { [log] _ in
            log.record(
                byAddress
                    ? await outcome { try await callee.address.call(Request.get) }
                    : await outcome { try await callee.call(Request.get) })
        }
        other.driven.settle()
        world.driven.settle()
        #expect(log.values == ["full"])
        #expect(callee.core.observerCount == 0)
        latch.open()
        other.driven.settle()
        world.end()
    }

    @Test(arguments: [MailboxOptions.Overflow.dropOldest, .kill])
    func `a call to a full mailbox that makes room or kills does as a message does (P11, P14)`(
        whenFull: MailboxOptions.Overflow
    ) {
        let latch = DrivenLatch(world.driven)
        let (callee, caller) = (bounded(whenFull, latch, on: world), world.puppet())
        world.play { callee.send(.keep(Kept.none)) }
        call(callee, by: caller, Request.get)
        latch.open()
        world.driven.settle()
        #expect(log.count == 1)
        #expect(log.values.first.map { $0 == "42" || $0.hasPrefix("exited error") } == true)
        #expect((log.values.first == "42") == (whenFull == .dropOldest))
        world.end()
    }

    @Test func `a call that waits for a place ends with the process, and with its caller (P11, P14)`() {
        let latch = DrivenLatch(world.driven)
        let (callee, caller, other) = (bounded(.suspend, latch, on: world), world.puppet(), world.puppet())
        world.play { callee.send(.keep(Kept.none)) }
        call(callee, by: caller, Request.get)
        call(callee, by: other, Request.get)
        world.play { caller.exit(.shutdown) }
        #expect(log.values == ["cancelled"] && callee.bound?.waiterCount == 1)
        world.play { callee.exit(.shutdown("gone")) }
        latch.open()
        world.driven.settle()
        #expect(log.values == ["cancelled", "exited shutdown(gone)"])
        world.end()
    }

    // MARK: What it costs

    @Test func `calls on one scheduler post nothing from elsewhere, and each costs two jobs (P2, P11)`() {
        let (callee, caller) = (callee(), world.puppet())
        let (jobs, posted) = (world.scheduler.jobsRun, world.scheduler.jobsPosted)
        let count: UInt64 = 1_000
        world.tell(caller) { _ in for _ in 0..<count { _ = try await callee.call(Request.get) } }
        #expect(world.scheduler.jobsPosted == posted)
        #expect(world.scheduler.jobsRun - jobs <= 2 * count + 2)
        world.end()
    }

    @Test func `a message that was waited for costs one local job (P2)`() {
        let receiver = world.spawn(Int.self) { me in while await me.receive() != nil {} }
        for receive in [0, 1] {
            let (jobs, posted) = (world.scheduler.jobsRun, world.scheduler.jobsPosted)
            for number in 0..<100 {
                if receive == 0 {
                    world.play { receiver.send(number) }
                } else {
                    OSThreads.run { _ in receiver.send(number) }
                    world.driven.settle()
                }
            }
            #expect(world.scheduler.jobsRun - jobs == 100)
            #expect(world.scheduler.jobsPosted == posted)
        }
        world.end()
    }
}

/// Tokens that nobody answers with.
private enum Kept {
    static let replies = Probe<Reply<Int>>()
    /// A token that nobody waits for.
    static var none: Reply<Int> {
        guard let call = try? ReplyCall<Int>(ProcessCore(on: SchedulerGroup.shared.next()), timeout: nil) else {
            preconditionFailure("nobody calls themselves here")
        }
        return Reply(call)
    }
}

/// What came of a call, as text.
private func outcome(_ call: () async throws -> Int) async -> String {
    do {
        return "\(try await call())"
    } catch let error as CallError {
        return error.reason.map { "\(error.code) \($0)" } ?? "\(error.code)"
    } catch {
        return "\(error)"
    }
}
