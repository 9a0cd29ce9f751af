import Actors
import HansomTesting
import Testing

@Suite(.ownThread, .timeLimit(.minutes(1))) struct LinkTests {
    let world = World()
    let log = Probe<String>()

    @Test(arguments: [ExitReason.shutdown, .shutdown("detail"), .error(Failure()), .noProcess, .killed])
    func `the end of one side ends the other, for the same reason (P5)`(reason: ExitReason) {
        let (a, b) = (world.puppet(), world.puppet())
        let end = world.play { () -> Probe<String> in
            let end = Probe<String>()
            b.core.addObserver { end.record("\($0)") }
            return end
        }
        world.tell(a) { $0.link(b.pid) }
        world.tell(a) { _ in throw reason }
        #expect(end.values == ["\(reason)"])
        #expect(!a.pid.isAlive && !b.pid.isAlive)
    }

    @Test func `a normal end leaves the other side alone, unlinked (P5)`() {
        let (a, b) = (world.puppet(), world.puppet())
        world.tell(a) { $0.link(b.pid) }
        #expect(b.core.isLinked(to: a.core))
        world.tell(a) { $0.exit(.normal) }
        #expect(!a.pid.isAlive && b.pid.isAlive)
        #expect(!b.core.isLinked(to: a.core))
        world.end()
    }

    @Test func `linking twice is linking once, from either side (P5)`() {
        let (a, b) = (world.puppet(log, traps: true), world.puppet())
        world.tell(a) { me in
            me.link(b.pid)
            me.link(b.pid)
        }
        world.tell(b) { $0.link(a.pid) }
        world.play { b.exit(.shutdown) }
        #expect(log.values == ["exit shutdown"])
        world.end()
    }

    @Test func `after an unlink from either side nothing comes through (P5)`() {
        let (a, b, c) = (world.puppet(log, traps: true), world.puppet(), world.puppet())
        world.tell(a) { me in
            me.link(b.pid)
            me.link(c.pid)
            me.unlink(b.pid)
        }
        world.tell(c) { $0.unlink(a.pid) }
        world.play {
            b.exit(.shutdown)
            c.exit(.kill)
        }
        #expect(log.values == [])
        world.end()
    }

    @Test func `a link to a dead process is answered by no process (P5)`() {
        let dead = world.puppet()
        world.play { dead.exit(.kill) }
        let (trapping, plain) = (world.puppet(log, traps: true), world.puppet())
        world.tell(trapping) { $0.link(dead.pid) }
        #expect(log.values == ["exit no process"])
        world.tell(plain) { $0.link(dead.pid) }
        #expect(!plain.pid.isAlive)
        #expect(plain.core.endReason?.kind == .noProcess)
        world.end()
    }

    @Test func `a link to oneself is none (P5)`() {
        let a = world.puppet(log, traps: true)
        world.tell(a) { $0.link($0.pid) }
        #expect(!a.core.isLinked(to: a.core))
        world.end()
    }

    @Test func `one that is exiting tells those that link to it meanwhile (P4, P5)`() {
        let latch = DrivenLatch(world.driven)
        let ending = world.spawn(Int.self) { _ in await latch.wait() }
        world.play { ending.exit(.shutdown) }
        let a = world.puppet(log, traps: true)
        world.tell(a) { $0.link(ending.pid) }
        #expect(log.values == [])
        latch.open()
        world.driven.settle()
        #expect(log.values == ["exit shutdown"])
        world.end()
    }

    @Test func `of a chain of a thousand all end, in no time and on no stack (P5)`() {
        let chain = (0..<1_000).map { _ in world.puppet() }
        for (a, b) in zip(chain, chain.dropFirst()) { world.play { a.send(.act { $0.link(b.pid) }) } }
        world.play { chain[500].exit(.kill) }
        #expect(chain.allSatisfy { !$0.pid.isAlive })
        #expect(chain.indices.filter { $0 != 500 }.allSatisfy { chain[$0].core.endReason?.kind == .killed })
        #expect(world.scheduler.alarmCount == 0)
    }

    @Test func `links hold between schedulers, whichever turns first (P5)`() {
        let other = World(index: 1)
        let (a, b) = (world.puppet(log, traps: true), other.puppet())
        world.tell(a) { $0.link(b.pid) }
        other.play { b.exit(.error(Failure())) }
        #expect(log.values == [])
        world.driven.settle()
        #expect(log.values == ["exit error(failure)"])
        world.end()
    }

    // MARK: From the first moment

    @Test func `a child that fails at once is heard of by who has spawned it linked (P8)`() {
        let a = world.puppet(log, traps: true)
        world.tell(a) { me in
            me.spawnLink(Int.self) { _ in throw Failure() }
        }
        #expect(log.values == ["exit error(failure)"])
        let plain = world.puppet()
        world.tell(plain) { me in
            me.spawnLink(Int.self) { _ in throw Failure() }
        }
        #expect(!plain.pid.isAlive)
        world.end()
    }

    @Test func `a child that is not there yet ends with who has spawned it linked (P8)`() {
        let other = World(index: 1)
        let a = world.puppet()
        let child = world.ask(a) { me in me.spawnLink(Int.self, on: other.scheduler) { me in _ = await me.receive() } }
        world.play { a.exit(.kill) }
        #expect(child?.pid.isAlive == true)
        other.driven.settle()
        #expect(child?.core.endReason?.kind == .killed)
    }

    @Test func `a child that fails at once gives its own reason to who has spawned it monitored (P8)`() {
        let other = World(index: 1)
        let a = world.puppet(log)
        for scheduler in [world.scheduler, other.scheduler] {
            world.tell(a) { me in
                me.spawnMonitor(Int.self, on: scheduler, { _ in throw Failure() }, down: { .down($0) })
            }
        }
        other.driven.settle()
        world.driven.settle()
        #expect(log.values == ["down error(failure)", "down error(failure)"])
        world.end()
    }

    @Test func `what a dead process spawns linked does not live (P8)`() {
        let (latch, ran) = (DrivenLatch(world.driven), Probe<Bool>())
        let zombie = world.spawn(Int.self) { me in
            await latch.wait()
            me.spawnLink(Int.self) { me in ran.record(await me.receive() == nil) }
        }
        world.play { zombie.exit(.kill) }
        latch.open()
        world.driven.settle()
        #expect(world.scheduler.processes.isEmpty)
        #expect(ran.count == 0)
    }

    @Test func `a task that is linked to a dead process is over before it begins (P5, P22)`() {
        let (dead, ran) = (world.puppet(), Probe<Bool>())
        world.play { dead.exit(.kill) }
        let task = world.play { ProcessTask.spawn(linkedTo: dead.pid, on: world.scheduler) { ran.record(true) } }
        #expect(!task.pid.isAlive)
        #expect(task.pid.core.endReason?.kind == .noProcess)
        #expect(ran.count == 0)
        #expect(world.scheduler.processes.isEmpty && world.scheduler.alarmCount == 0)
    }
}
