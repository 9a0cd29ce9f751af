import Actors
import HansomTesting
import Testing

@Suite(.timeLimit(.minutes(2))) struct MonitorTests {
    let driven = HandDriven()

    private enum Input: Sendable {
        case down(Down)
        case tick
    }

    /// A process that records the reasons of the downs it hears, and who hears as process `watcher`.
    private func watcher(_ probe: Probe<ExitReason.Kind>) -> Process<Input> {
        Process<Input>.spawn(on: driven.scheduler) { me in
            for await input in me.mailbox {
                if case .down(let down) = input { probe.record(down.reason.kind) }
            }
        }
    }

    private func idle() -> Process<Int> {
        Process<Int>.spawn(on: driven.scheduler) { me in for await _ in me.mailbox {} }
    }

    private func endAll() {
        for core in driven.scheduler.processes.cores { core.receiveExit(.kill) }
        driven.settle()
    }

    @Test func `each monitor gives exactly one down (P7)`() {
        let probe = Probe<ExitReason.Kind>()
        driven.run {
            let (watcher, target) = (watcher(probe), idle())
            driven.settle()
            let references = watcher.onOwnThread { me in
                (0..<3).map { _ in me.monitor(target.pid) { .down($0) } }
            }
            #expect(Set(references).count == 3)
            driven.settle()
            #expect(probe.count == 0)
            target.exit(.shutdown)
            driven.settle()
            #expect(probe.values == [.shutdown, .shutdown, .shutdown])
            target.exit(.kill)
            driven.settle()
            #expect(probe.count == 3)
            endAll()
        }
    }

    @Test func `a down names its monitor and its process (P7)`() {
        let probe = Probe<Down>()
        driven.run {
            let target = idle()
            let watcher = Process<Down>.spawn { me in for await down in me.mailbox { probe.record(down) } }
            driven.settle()
            let reference = watcher.onOwnThread { $0.monitor(target.pid) { $0 } }
            target.exit(.kill)
            driven.settle()
            #expect(probe.values.map(\.monitor) == [reference])
            #expect(probe.values.map(\.pid) == [target.pid])
            #expect(probe.values.map(\.reason.kind) == [.killed])
            endAll()
        }
    }

    @Test func `a dead process is told at once (P7)`() {
        let probe = Probe<ExitReason.Kind>()
        driven.run {
            let (watcher, target) = (watcher(probe), idle())
            driven.settle()
            target.exit(.kill)
            driven.settle()
            _ = watcher.onOwnThread { $0.monitor(target.pid) { .down($0) } }
            driven.settle()
            #expect(probe.values == [.noProcess])
            endAll()
        }
    }

    @Test func `after a demonitor no down arrives (P7)`() {
        let probe = Probe<ExitReason.Kind>()
        driven.run {
            let (watcher, target) = (watcher(probe), idle())
            driven.settle()
            let kept = watcher.onOwnThread { (me) -> MonitorReference in
                let dropped = me.monitor(target.pid) { .down($0) }
                let kept = me.monitor(target.pid) { .down($0) }
                me.demonitor(dropped)
                me.demonitor(dropped)
                return kept
            }
            #expect(target.core.observerCount == 1)
            target.exit(.shutdown)
            driven.settle()
            #expect(probe.values == [.shutdown])
            watcher.onOwnThread { $0.demonitor(kept) }
            endAll()
        }
    }

    @Test func `a demonitor overtakes a down that is on its way from another scheduler (P7)`() {
        let probe = Probe<ExitReason.Kind>()
        let other = HandDriven(index: 1)
        let target = other.run { Process<Int>.spawn { me in for await _ in me.mailbox {} } }
        other.settle()
        let watcher = driven.run { self.watcher(probe) }
        driven.settle()
        let reference = driven.run {
            watcher.onOwnThread { (me) -> MonitorReference in me.monitor(target.pid) { Input.down($0) } }
        }
        other.settle()
        #expect(target.core.observerCount == 1)
        other.run { target.exit(.kill) }
        driven.run { watcher.onOwnThread { $0.demonitor(reference) } }
        driven.settle()
        other.settle()
        #expect(probe.count == 0)
        driven.run { endAll() }
    }

    @Test func `a monitor across schedulers tells the end once (P7)`() async throws {
        try await withGroup { group in
            for _ in 0..<200 {
                let target = Process<Int>.spawn(on: group.schedulers[1]) { me in _ = await me.receive() }
                let watcher = Process<Down>.spawn(on: group.schedulers[0]) { me in
                    me.monitor(target.pid) { $0 }
                    target.send(1)
                    let down = await me.receive()
                    #expect(down?.pid == target.pid)
                    #expect(down?.reason.kind == .normal)
                }
                _ = try await watcher.down()
            }
        }
    }

    @Test func `messages sent before an end arrive before its down (P2)`() {
        let probe = Probe<String>()
        let other = HandDriven(index: 1)
        let watcher = driven.run {
            Process<String>.spawn { me in for await text in me.mailbox { probe.record(text) } }
        }
        driven.settle()
        let gate = DrivenLatch(other)
        let target = other.run {
            Process<Int>.spawn { _ in
                await gate.wait()
                watcher.send("last words")
            }
        }
        other.settle()
        _ = driven.run { watcher.onOwnThread { $0.monitor(target.pid) { "down: \($0.reason)" } } }
        other.settle()
        gate.open()
        other.settle()
        driven.settle()
        #expect(probe.values == ["last words", "down: normal"])
        driven.run { endAll() }
    }

    @Test func `a process that has ended is kept by nothing that it monitored (P7)`() {
        driven.run {
            let target = idle()
            driven.settle()
            var watchers: [WeakReference<Process<Down>>] = []
            for number in 0..<1_000 {
                let watcher = Process<Down>.spawn { me in
                    me.monitor(target.pid) { $0 }
                    if number % 2 == 0 { for await _ in me.mailbox {} }
                }
                driven.settle()
                watcher.exit(number % 4 == 0 ? .kill : .shutdown)
                watchers.append(WeakReference(watcher))
            }
            driven.settle()
            #expect(target.core.observerCount == 0)
            #expect(watchers.count { $0.object != nil } == 0)
            endAll()
        }
    }

    @Test func `monitoring oneself comes to nothing`() {
        let probe = Probe<ExitReason.Kind>()
        driven.run {
            let watcher = watcher(probe)
            driven.settle()
            _ = watcher.onOwnThread { $0.monitor($0.pid) { .down($0) } }
            watcher.send(.tick)
            driven.settle()
            watcher.exit(.shutdown)
            driven.settle()
            #expect(!watcher.pid.isAlive)
        }
        #expect(probe.count == 0)
    }
}
