import HansomTesting
import Testing

@testable import Actors

@Suite(.ownThread, .timeLimit(.minutes(1))) struct NameTests {
    let world = World()
    let log = Probe<String>()

    @Test func `one name, one process, and its type (P1, P9)`() throws {
        let (a, b) = (world.puppet(log), world.puppet())
        try a.register(as: "P9 one")
        try a.register(as: "P9 other")
        for process in [a, b] {
            let error = #expect(throws: RegistryError.self) { () throws in try process.register(as: "P9 one") }
            #expect(error?.code == .nameTaken && error?.holder == a.pid && error?.name == "P9 one")
        }
        #expect(Registry.whereis("P9 one") == a.pid && Registry.names(of: a.pid) == ["P9 one", "P9 other"])
        #expect(Registry.whereis("P9 one", as: Int.self) == nil)
        world.play { Registry.whereis("P9 one", as: Puppet.self)?.send(.text("hello")) }
        #expect(log.values == ["hello"])
        #expect(Registry.unregister("P9 one") && !Registry.unregister("P9 one"))
        try b.register(as: "P9 one")
        #expect(Set(Registry.registered()).isSuperset(of: ["P9 one", "P9 other"]))
        world.end()
        #expect(Registry.whereis("P9 one") == nil && Registry.names(of: a.pid) == [])
        let error = #expect(throws: RegistryError.self) { try a.register(as: "P9 dead") }
        #expect(error?.code == .noProcess)
        #expect(Registry.whereis("P9 dead") == nil)
    }

    @Test(arguments: [ExitReason.normal, .kill, .error(Failure())])
    func `a name is free before anyone hears of the end (P9)`(reason: ExitReason) throws {
        let (a, watcher) = (world.puppet(), world.puppet(log))
        try a.register(as: "P9 free")
        let group = ProcessGroup<Puppet>("P9 free")
        group.join(a)
        let look: @Sendable (String) -> Void = { [log] who in
            log.record("\(who) \(Registry.whereis("P9 free") == nil && group.count == 0)")
        }
        world.tell(watcher) { me in
            me.trapExits {
                look("link")
                return .exit($0)
            }
            me.link(a.pid)
            me.monitor(a.pid) {
                look("monitor")
                return .down($0)
            }
        }
        if reason.kind == .kill { world.play { a.exit(.kill) } } else { world.tell(a) { _ in throw reason } }
        #expect(log.values.contains("link true") && log.values.contains("monitor true"))
        world.end()
    }

    @Test func `many threads agree on who has a name (P9)`() async throws {
        try await withGroup { group in
            let processes = (0..<8).map { _ in Process<Int>.spawn(on: group.next()) { me in _ = await me.receive() } }
            let wins = Counter()
            OSThreads.run(8) { index in
                for round in 0..<500 {
                    do {
                        try processes[index].register(as: "P9 race \(round)")
                        wins.add()
                    } catch {}
                }
            }
            #expect(wins.value == 500)
            #expect(processes.map { Registry.names(of: $0.pid).count }.reduce(0, +) == 500)
            for process in processes { process.exit(.kill) }
            for process in processes { _ = try await process.down() }
            #expect(!Registry.registered().contains { $0.hasPrefix("P9 race") })
        }
    }
}

@Suite(.ownThread, .timeLimit(.minutes(1))) struct GroupTests {
    let world = World()
    let log = Probe<String>()

    @Test func `a process joins several groups, and one several times, and leaves all at its end (P10)`() {
        let (a, b) = (world.puppet(log), world.puppet(log))
        let (x, y) = (ProcessGroup<Puppet>("P10 x"), ProcessGroup<Puppet>("P10 y"))
        for group in [x, x, y] { group.join(a) }
        x.join(b.address)
        #expect(x.count == 3 && y.count == 1)
        #expect(Set(x.members.map(\.pid)) == [a.pid, b.pid])
        world.play { x.broadcast(.text("hello")) }
        #expect(log.values == ["hello", "hello", "hello"])
        #expect(x.leave(a) && x.count == 2)
        #expect(!y.leave(b))
        #expect(a.core.info?.groups == ["P10 x", "P10 y"])
        world.play { a.exit(.kill) }
        #expect(x.count == 1 && y.count == 0 && y.members.isEmpty)
        x.join(a)
        #expect(x.count == 1, "a dead one does not join")
        world.end()
        #expect(x.count == 0)
    }

    @Test func `groups of different types never meet (P10)`() {
        let a = world.puppet()
        ProcessGroup<Puppet>("P10 typed").join(a)
        #expect(ProcessGroup<Int>("P10 typed").count == 0)
        world.end()
    }

    @Test func `whoever monitors a group hears of every change until it does not want to (P10)`() {
        let (a, b, watcher) = (world.puppet(), world.puppet(), world.puppet(log))
        let group = ProcessGroup<Puppet>("P10 watched")
        group.join(a)
        let first = world.ask(watcher) { me in me.monitor(group) { .changed($0) } }
        #expect(first?.members == [a.pid: 1])
        world.play {
            group.join(b)
            group.join(b)
            group.leave(a)
        }
        #expect(log.values == ["joined", "joined", "left"])
        world.play { b.exit(.kill) }
        #expect(log.values == ["joined", "joined", "left", "left"])
        world.tell(watcher) { me in first.map { me.demonitor($0.monitor) } }
        world.play { group.join(a) }
        #expect(log.count == 4)
        world.end()
    }

    @Test func `a change that is on its way reaches nobody after the demonitor (P10)`() {
        let other = World(index: 1)
        let (a, watcher) = (other.puppet(), world.puppet(log))
        let group = ProcessGroup<Puppet>("P10 crossing")
        let monitor = world.ask(watcher) { me in me.monitor(group) { .changed($0) }.monitor }
        other.play { group.join(a) }
        world.driven.run { watcher.onOwnThread { me in monitor.map { me.demonitor($0) } } }
        world.driven.settle()
        #expect(log.values == [])
        world.end()
        other.end()
    }

    @Test func `a watcher that has ended is forgotten (P10)`() {
        let (a, watcher) = (world.puppet(), world.puppet(log))
        let group = ProcessGroup<Puppet>("P10 forgotten")
        world.tell(watcher) { me in _ = me.monitor(group) { .changed($0) } }
        world.play { watcher.exit(.kill) }
        world.play { group.join(a) }
        #expect(log.values == [])
        world.end()
    }

    @Test func `watchers hear of changes in the order in which they were made, whoever makes them (P10)`() {
        let group = ProcessGroup<Puppet>("P10 order")
        let (watcher, a, b) = (world.puppet(), world.puppet(), world.puppet())
        let heard = Probe<GroupChange>()
        world.tell(watcher) { me in
            _ = me.monitor(group) { change in
                heard.record(change)
                return .changed(change)
            }
        }
        // The first change is on its way from another thread when the second is made here.
        world.play {
            OSThreads.run { _ in group.join(a) }
            group.join(b)
            group.leave(a)
        }
        #expect(heard.values == [.joined(a.pid), .joined(b.pid), .left(a.pid)])
        world.end()
    }

    @Test func `a change that an adapter makes comes behind those that were made before (P10)`() {
        let group = ProcessGroup<Puppet>("P10 adapter")
        let (watcher, a, b) = (world.puppet(), world.puppet(), world.puppet())
        let heard = Probe<GroupChange>()
        world.tell(watcher) { me in
            _ = me.monitor(group) { change in
                if change == .joined(a.pid) { group.leave(a) }
                heard.record(change)
                return .changed(change)
            }
        }
        OSThreads.run { _ in
            group.join(a)
            group.join(b)
        }
        world.driven.settle()
        #expect(heard.values == [.joined(a.pid), .joined(b.pid), .left(a.pid)])
        world.end()
    }

    @Test func `all watchers hear the same, in one order, of changes from many threads (P10)`() async throws {
        try await withGroup { schedulers in
            let group = ProcessGroup<Puppet>("P10 threads")
            let (first, second) = (Probe<GroupChange>(), Probe<GroupChange>())
            let ready = Latch()
            let watchers = [first, second].enumerated().map { index, heard in
                Process<Puppet>.spawn(on: schedulers.schedulers[index % schedulers.schedulers.count]) { me in
                    _ = me.monitor(group) { change in
                        heard.record(change)
                        return .changed(change)
                    }
                    if index == 1 { ready.open() }
                    for await _ in me.mailbox {}
                }
            }
            _ = try? await watchers[0].call(timeout: nil) { (reply: Reply<Void>) in
                .act { _ in reply() }
            }
            await ready.wait()
            let members = (0..<4).map { _ in Process<Puppet>.spawn { me in for await _ in me.mailbox {} } }
            OSThreads.run(4) { thread in
                for _ in 0..<500 {
                    group.join(members[thread])
                    group.leave(members[thread])
                }
            }
            while first.count < 4_000 || second.count < 4_000 { await Task.yield() }
            #expect(first.values == second.values)
            for process in watchers + members { process.exit(.kill) }
        }
    }
}
