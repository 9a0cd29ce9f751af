import HansomTesting
import Testing

@testable import Actors

@Suite(.ownThread, .timeLimit(.minutes(1))) struct IntrospectionTests {
    let world = World()
    let log = Probe<String>()

    @Test func `a process is shown with all that it is and has (P21)`() throws {
        let a = world.puppet()
        let latch = DrivenLatch(world.driven)
        let made = world.ask(a) { me in
            let child = Process<Int>.spawn(label: "worker") { me in
                _ = await me.receive()
                await latch.wait()
            }
            me.link(child.pid)
            me.monitor(child.pid) { .down($0) }
            return child
        }
        let child = try #require(made)
        try child.register(as: "P21 b")
        try child.register(as: "P21 a")
        ProcessGroup<Int>("P21").join(child)
        world.advance(by: .seconds(3))
        let waiting = try #require(child.core.info)
        #expect(waiting.state == .waiting && waiting.messagesHandled == 0)
        world.play { for number in 0..<4 { child.send(number) } }
        let info = try #require(child.core.info)
        #expect(info.pid == child.pid && info.label == "worker" && info.parent == a.pid.id && info.scheduler == 0)
        #expect(info.names == ["P21 a", "P21 b"] && info.groups == ["P21"] && info.kind == "Process<Int>")
        #expect(info.state == .running && info.mailboxLength == 3 && info.messagesHandled == 1)
        #expect(info.links == [a.pid] && info.monitoredBy == 1 && info.monitors == 0 && info.age == .seconds(3))
        #expect(a.core.info?.monitors == 1)
        world.play { child.exit(.shutdown) }
        #expect(child.core.info?.state == .exiting && world.scheduler.info.deadLetters == 3)
        latch.open()
        world.driven.settle()
        #expect(child.core.info == nil)
        world.end()
    }

    @Test func `a snapshot of a group holds every process and scheduler (P21)`() async throws {
        try await withQuietGroup { group in
            let processes = (0..<600).map { number in
                Process<Int>.spawn(on: group.next(), label: "\(number)") { me in while await me.receive() != nil {} }
            }
            let snapshot = await SystemSnapshot.take(of: group)
            #expect(Set(snapshot.processes.map(\.pid)) == Set(processes.map(\.pid)))
            #expect(
                snapshot.schedulers.map(\.index) == [0, 1] && snapshot.schedulers.map(\.processCount) == [300, 300])
            for process in processes { process.exit(.shutdown) }
            for process in processes { _ = try await process.down() }
            #expect(await SystemSnapshot.take(of: group).processes.isEmpty)
        }
    }

    @Test func `a scheduler hands its processes over as they stand, for a snapshot to order elsewhere (P21)`() {
        let world = world
        let puppets = (0..<5).map { _ in world.puppet() }
        // The last takes the place of the first, so that the table is in no order.
        world.play { puppets[0].exit(.kill) }
        let table = world.scheduler.processes.cores.map(\.id)
        #expect(table != table.sorted())
        #expect(world.scheduler.roster.map(\.id) == table)
        world.end()
    }

    @Test func `a suspended process takes nothing until it is resumed, and ends all the same (P21)`() {
        let a = world.puppet(log)
        world.play {
            a.pid.suspend()
            a.send(.text("one"))
            a.send(.text("two"))
        }
        #expect(log.values == [] && a.core.info?.state == .suspended && a.core.info?.mailboxLength == 2)
        world.play { a.pid.resume() }
        #expect(log.values == ["one", "two"])
        world.play { a.send(.text("three")) }
        #expect(log.values == ["one", "two", "three"])
        world.play {
            a.pid.suspend()
            a.exit(.shutdown)
        }
        #expect(!a.pid.isAlive)
    }

    @Test func `a trace shows what arrives and what is taken, until it ends (P21)`() {
        let traced = Probe<String>()
        let process = world.spawn(Int.self) { me in
            _ = await me.receive { $0 == 2 }
            while await me.receive() != nil {}
        }
        world.play {
            process.trace { traced.record("\($0.kind) \($0.message)") }
            process.send(1)
            process.send(2)
        }
        world.play { process.trace(nil) }
        world.play { process.send(3) }
        #expect(traced.values == ["arrived 1", "arrived 2", "taken 2", "handled 2", "taken 1", "handled 1"])
        world.end()
    }

    @Test func `a long job is reported with its process and how long it took (P23)`() {
        let world = world
        let process = world.spawn(Int.self, label: "slow") { me in
            for await milliseconds in me.mailbox { world.driven.time.advance(by: .milliseconds(milliseconds)) }
        }
        world.play { process.send(99) }
        #expect(world.events.count == 0)
        world.play { process.send(150) }
        guard case .longJob(let report)? = world.events.values.first else {
            Issue.record("no report")
            return
        }
        #expect(report.process?.pid == process.pid && report.process?.label == "slow")
        #expect(report.duration == .milliseconds(150) && world.scheduler.info.longestJob == .milliseconds(150))
        world.end()
    }

    @Test func `a message to the dead counts as a dead letter (P1)`() {
        let a = world.puppet()
        let address = a.address
        world.play { a.exit(.kill) }
        world.play {
            a.send(.text("one"))
            address.send(.text("two"))
        }
        #expect(world.scheduler.info.deadLetters == 2)
    }
}
