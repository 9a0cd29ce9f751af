import HansomTesting
import Testing

@testable import Actors

/// What a request is known by, as a tracer's context would be.
private enum Request {
    @TaskLocal static var id: String?
    @TaskLocal static var depth = 0
    @TaskLocal static var stays = "none"

    static var seen: String { "\(id ?? "none") \(depth)" }

    /// For the whole program, as a program does it, and more than once.
    static func areCarried() {
        for _ in 0..<2 {
            CallContext.carry($id)
            CallContext.carry($depth)
        }
    }
}

private struct Seer: Server {
    enum Call: Sendable {
        case see(Reply<String>)
        case seeElsewhere(Reply<String>)
        case seeOthers(Reply<String>)
        case ask(ServerProcess<Seer>, Reply<String>)
        case wait(reached: Promise<Void>, Latch, Reply<String>)
        case fail(Reply<String>)
        case posts(Reply<UInt64>)
    }
    enum Cast: Sendable { case see(Promise<String>) }

    mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
        switch call {
        case .see(let reply): reply(Request.seen)
        case .seeElsewhere(let reply): reply(try await ProcessTask<String>.spawn { Request.seen }.value)
        case .seeOthers(let reply): reply(Request.stays)
        case .ask(let other, let reply): reply(try await other.call { .see($0) })
        case .wait(let reached, let latch, let reply):
            reached.keep(())
            await latch.wait()
            reply(Request.seen)
        case .fail: throw Failure()
        case .posts(let reply): reply(me.core.scheduler.jobsPosted)
        }
        return .receive
    }

    mutating func handle(cast: Cast, _ me: isolated Me) async throws -> Next {
        if case .see(let promise) = cast { promise.keep(Request.seen) }
        return .receive
    }
}

/// Postpones what it is asked until it is told to go on.
private struct LateMachine: StateMachine {
    enum Event: Sendable { case see(Reply<String>), goOn(Reply<String>) }
    var postponed = 0

    mutating func handle(_ event: Event, in state: Bool, _ me: isolated Me) async throws -> Transition<Bool> {
        switch event {
        case .see(let reply) where state: reply(Request.seen)
        case .see:
            postponed += 1
            return .postpone
        case .goOn(let reply):
            reply(Request.seen)
            return .go(true)
        }
        return .stay
    }
}

@Suite(.timeLimit(.minutes(1))) struct CallContextTests {
    init() { Request.areCarried() }

    @Test func `the handler of a call has the task-locals that are carried, those of its caller (P29)`() async throws {
        try await withQuietGroup(count: 2) { group in
            let seer = try await Request.$id.withValue("starter") {
                try await Request.$stays.withValue("starter") { try await Seer().started(on: group.schedulers[0]) }
            }
            for depth in 1...3 {
                let seen = try await Request.$id.withValue("caller") {
                    try await Request.$depth.withValue(depth) { try await seer.call { .see($0) } }
                }
                #expect(seen == "caller \(depth)")
            }
            // From a process, on its own scheduler and on another.
            for scheduler in group.schedulers {
                let task = ProcessTask<String>.spawn(on: scheduler) {
                    try await Request.$id.withValue("process") { try await seer.call { .see($0) } }
                }
                #expect(try await task.value == "process 0")
            }
            let stays = try await Request.$stays.withValue("caller") {
                try await seer.call { .seeOthers($0) } as String
            }
            #expect(stays == "starter")
        }
    }

    @Test func `a caller without a value leaves the server its own, but for one that is not optional (P29)`()
        async throws
    {
        try await withQuietGroup(count: 1) { group in
            let seer = try await Request.$id.withValue("starter") {
                try await Request.$depth.withValue(7) { try await Seer().started(on: group.schedulers[0]) }
            }
            #expect(try await seer.call { .see($0) } == "starter 0")
        }
    }

    @Test func `what a handler calls and starts has them too, a cast has none (P29)`() async throws {
        try await withQuietGroup(count: 2) { group in
            let first = try await Seer().started(on: group.schedulers[0])
            let second = try await Seer().started(on: group.schedulers[1])
            let promise = Promise<String>()
            let seen = try await Request.$id.withValue("caller") {
                second.cast(.see(promise))
                return [
                    try await first.call { .ask(second, $0) }, try await first.call { .seeElsewhere($0) },
                    try await ServerAddress(first).call { .see($0) },
                ]
            }
            #expect(seen == ["caller 0", "caller 0", "caller 0"])
            #expect(await promise.valueInAnyCase() == "none 0")
        }
    }

    @Test func `what waits meanwhile is handled without them, and an error goes its way (P12, P29)`() async throws {
        try await withQuietGroup(count: 1) { group in
            let seer = try await Seer().started(on: group.schedulers[0])
            let (reached, latch) = (Promise<Void>(), Latch())
            let waiting = Task {
                try await Request.$id.withValue("first") { try await seer.call { .wait(reached: reached, latch, $0) } }
            }
            let promise = Promise<String>()
            await reached.valueInAnyCase()
            seer.cast(.see(promise))
            latch.open()
            #expect(try await waiting.value == "first 0")
            #expect(await promise.valueInAnyCase() == "none 0")
            let error = await #expect(throws: CallError.self) {
                _ = try await Request.$id.withValue("last") { try await seer.call { .fail($0) } as String }
            }
            #expect(error?.code == .exited)
            #expect(error?.reason == .error(Failure()))
        }
    }

    @Test func `an event of a machine has those of its call, also when it was postponed (P12, P29)`() async throws {
        try await withQuietGroup(count: 1) { group in
            let machine = try await LateMachine().started(in: false, on: group.schedulers[0])
            async let late = Request.$id.withValue("late") { try await machine.call { .see($0) } as String }
            while try await machine.state()?.contains("postponed: 1") != true {}
            let going = try await Request.$id.withValue("going") { try await machine.call { .goOn($0) } as String }
            #expect(going == "going 0")
            #expect(try await late == "late 0")
        }
    }

    @Test func `a plain process that answers a call binds them by the reply (P29)`() async throws {
        try await withQuietGroup(count: 1) { group in
            let process = Process<Reply<String>>.spawn(on: group.schedulers[0]) { me in
                for await reply in me.mailbox {
                    #expect(Request.id == nil)
                    try await reply.withCallContext { reply(Request.seen) }
                }
            }
            let seen = try await Request.$id.withValue("caller") { try await process.call { $0 } }
            #expect(seen == "caller 0")
            #expect(try await process.call { $0 } == "none 0")
            process.exit(.shutdown)
        }
    }

    @Test func `a call that carries them goes by no other thread (P29)`() async throws {
        try await withQuietGroup(count: 1) { group in
            let scheduler = group.schedulers[0]
            let seer = try await Seer().started(on: scheduler)
            let task = ProcessTask<UInt64>.spawn(on: scheduler) {
                try await Request.$id.withValue("caller") {
                    let before: UInt64 = try await seer.call { .posts($0) }
                    for _ in 0..<100 { _ = try await seer.call { .see($0) } as String }
                    return try await seer.call { .posts($0) } - before
                }
            }
            #expect(try await task.value < 100)
        }
    }
}
