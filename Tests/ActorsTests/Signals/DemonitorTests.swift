import Actors
import HansomTesting
import Testing

@Suite(.ownThread, .timeLimit(.minutes(1))) struct DemonitorTests {
    let world = World()
    let log = Probe<String>()

    private func dead() -> PID {
        let process = world.puppet()
        world.play { process.exit(.kill) }
        return process.pid
    }

    @Test(arguments: [false, true]) func `a flush takes out the down that has arrived, and only that (P7)`(flush: Bool)
    {
        let (dead, a) = (dead(), world.puppet(log))
        world.tell(a) { me in
            me.send(.text("one"))
            let reference = me.monitor(dead) { .down($0) }
            me.send(.text("two"))
            me.monitor(dead) { .down($0) }
            me.send(.text("three"))
            me.demonitor(reference, flush: flush)
            me.demonitor(reference, flush: flush)
        }
        let first = flush ? [] : ["down no process"]
        #expect(log.values == ["one"] + first + ["two", "down no process", "three"])
        world.end()
    }

    @Test func `a flush finds its down wherever others have been taken from (P7, P13)`() {
        let (dead, a) = (dead(), world.puppet(log))
        world.tell(a) { me in
            var references: [MonitorReference] = []
            for number in 0..<20 {
                me.send(.text("\(number)"))
                references.append(me.monitor(dead) { .down($0) })
            }
            for number in [3, 15, 9] {
                _ = await me.receive { if case .text("\(number)") = $0 { true } else { false } }
            }
            me.demonitor(references[9], flush: true)
            me.demonitor(references[0], flush: true)
            _ = await me.receive { if case .down(let down) = $0 { down.monitor == references[12] } else { false } }
            for index in [19, 4, 12] { me.demonitor(references[index], flush: true) }
        }
        let expected = (0..<20).flatMap { number in
            ([3, 15, 9].contains(number) ? [] : ["\(number)"])
                + ([0, 4, 9, 12, 19].contains(number) ? [] : ["down no process"])
        }
        #expect(log.values == expected)
        world.end()
    }

    @Test func `a flush after the down was taken takes nothing else (P7)`() {
        let (dead, a) = (dead(), world.puppet(log))
        let references = Probe<MonitorReference>()
        world.tell(a) { me in references.record(me.monitor(dead) { .down($0) }) }
        #expect(log.values == ["down no process"])
        world.tell(a) { me in
            me.send(.text("one"))
            me.demonitor(references.values[0], flush: true)
        }
        #expect(log.values == ["down no process", "one"])
        world.end()
    }

    @Test func `a thousand downs are taken in order from a mailbox that is read selectively (P7, P13)`() {
        let a = world.puppet(log)
        world.tell(a) { me in
            let targets = (0..<1_000).map { _ in Process<Int>.spawn { me in _ = await me.receive() } }
            for target in targets { me.monitor(target.pid) { .down($0) } }
            for target in targets { target.exit(.kill) }
            for target in targets {
                let down = await me.receive { if case .down(let down) = $0 { down } else { nil } }
                if down?.pid != target.pid { log.record("out of order") }
            }
        }
        #expect(log.values == [])
        world.end()
    }

    @Test func `code outside any process waits for the end by the PID (P24)`() async throws {
        try await withGroup { group in
            let process = Process<Int>.spawn(on: group.schedulers[0]) { me in _ = await me.receive() }
            async let reason = process.pid.down()
            process.exit(.shutdown("outside"))
            let detail = try await reason.detail
            #expect(detail == "outside")
            #expect(PID.current == nil)
        }
    }
}
