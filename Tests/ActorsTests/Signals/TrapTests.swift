import HansomTesting
import Testing

@testable import Actors

@Suite(.ownThread, .timeLimit(.minutes(1))) struct TrapTests {
    let world = World()
    let log = Probe<String>()

    @Test func `trapped exits are messages that say who and why (P6, P24)`() {
        let (a, b) = (world.puppet(log), world.puppet())
        let heard = Probe<ExitSignal>()
        let trapping = world.spawn(ExitSignal.self) { me in
            me.trapExits { $0 }
            me.link(b.pid)
            for await signal in me.mailbox { heard.record(signal) }
        }
        world.tell(a) { _ in trapping.exit(.shutdown("please")) }
        world.play { trapping.exit(.error(Failure())) }
        world.play { b.exit(.kill) }
        #expect(heard.values.map(\.from) == [a.pid, nil, b.pid])
        #expect(heard.values.map { "\($0.reason)" } == ["shutdown(please)", "error(failure)", "killed"])
        #expect(trapping.pid.isAlive)
        world.end()
    }

    @Test func `normal is a message to one that traps and nothing to one that does not (P6)`() {
        let (trapping, plain, child) = (world.puppet(log, traps: true), world.puppet(log), world.puppet())
        world.tell(trapping) { $0.link(child.pid) }
        world.play {
            trapping.exit(.normal)
            plain.exit(.normal)
        }
        world.tell(child) { $0.exit(.normal) }
        #expect(log.values == ["exit normal", "exit normal"])
        #expect(plain.pid.isAlive && trapping.pid.isAlive)
        world.end()
    }

    @Test func `kill cannot be trapped, and links see killed (P6)`() {
        let (a, b) = (world.puppet(log, traps: true), world.puppet(log, traps: true))
        world.tell(a) { $0.link(b.pid) }
        world.play { b.exit(.kill) }
        #expect(!b.pid.isAlive)
        #expect(log.values == ["exit killed"])
        world.end()
    }

    @Test func `a body that throws kill kills nobody with it (P6)`() {
        let (a, b) = (world.puppet(log, traps: true), world.puppet())
        world.tell(a) { $0.link(b.pid) }
        world.tell(b) { _ in throw ExitReason.kill }
        #expect(log.values == ["exit kill"])
        #expect(a.pid.isAlive)
        world.end()
    }

    @Test func `one that stops trapping ends by the next (P6)`() {
        let a = world.puppet(log, traps: true)
        world.play { a.exit(.shutdown) }
        world.tell(a) { $0.stopTrappingExits() }
        world.play { a.exit(.shutdown) }
        #expect(log.values == ["exit shutdown"])
        #expect(!a.pid.isAlive)
    }

    @Test func `signals and messages of one sender keep their order (P2, P24)`() {
        let other = World(index: 1)
        let (a, sender) = (world.puppet(log, traps: true), other.puppet())
        world.tell(a) { $0.link(sender.pid) }
        other.driven.settle()
        world.tell(a) { $0.monitor(sender.pid) { .down($0) } }
        other.tell(sender) { _ in
            a.send(.text("one"))
            a.exit(.shutdown)
            a.send(.text("two"))
            throw ExitReason.shutdown("end")
        }
        world.driven.settle()
        #expect(log.values.prefix(3) == ["one", "exit shutdown", "two"])
        #expect(Set(log.values.suffix(2)) == ["exit shutdown(end)", "down shutdown(end)"])
        world.end()
    }

    @Test func `a killed process counts as a zombie until its task returns (P4)`() {
        let latch = DrivenLatch(world.driven)
        let a = world.spawn(Int.self) { _ in await latch.wait() }
        world.play { a.exit(.kill) }
        #expect(world.scheduler.zombies == 1 && world.scheduler.info.zombies == 1)
        #expect(world.scheduler.processes.isEmpty)
        latch.open()
        world.driven.settle()
        #expect(world.scheduler.zombies == 0)
    }

    @Test func `what a zombie does reaches nobody by its links, monitors and timers (P4)`() {
        let latch = DrivenLatch(world.driven)
        let target = world.puppet()
        let zombie = world.spawn(Puppet.self) { me in
            await latch.wait()
            me.link(target.pid)
            me.monitor(target.pid) { .down($0) }
            me.sendAfter(.seconds(1), .text("late"))
            me.sendEvery(.seconds(1), .text("late"))
            log.record(await me.receive() == nil ? "nothing" : "something")
        }
        world.play { zombie.exit(.kill) }
        latch.open()
        world.driven.settle()
        #expect(log.values == ["nothing"])
        #expect(target.core.observerCount == 0 && !target.core.isLinked(to: zombie.core))
        #expect(world.scheduler.alarmCount == 0)
        world.end()
    }

    // MARK: Reports

    private var crashes: [CrashReport] {
        world.events.values.compactMap { if case .crash(let crash) = $0 { crash } else { nil } }
    }

    @Test func `a crash is reported once, by the one that failed, with what it was (P21)`() {
        let (a, b) = (world.puppet(), world.puppet())
        world.tell(a) { $0.link(b.pid) }
        world.tell(a) { _ in throw Failure() }
        #expect(!b.pid.isAlive)
        #expect(crashes.map(\.process.pid) == [a.pid])
        #expect(crashes.first?.reason.error as? Failure == Failure())
        #expect(crashes.first?.links == [b.pid])
    }

    @Test(arguments: [ExitReason.normal, .shutdown, .shutdown("detail"), .kill])
    func `an end that is no failure is not reported (P21)`(reason: ExitReason) {
        let a = world.puppet()
        world.tell(a) { _ in throw reason }
        #expect(!a.pid.isAlive)
        #expect(world.events.count == 0)
    }
}
