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
private enum Kept { static let replies = Probe<Reply<Int>>() }

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
