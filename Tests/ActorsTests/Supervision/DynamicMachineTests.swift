import Testing

@testable import Actors

@Suite(.timeLimit(.minutes(2))) struct DynamicMachineTests {
    private typealias Machine = DynamicMachine<Int>

    private func machine(_ restart: Child.Restart, allowed: Int = 1, most: Int = 2) -> Machine {
        Machine(
            .init(
                restart: restart, shutdown: .immediate, maxChildren: most, maxRestarts: allowed, period: .nanoseconds(5)
            ))
    }

    /// A world of children around it.
    private struct World {
        var machine: Machine
        var living: [Int: Int] = [:]
        var lastHandle = 0
        var now: UInt64 = 100
        var restarts: [UInt64] = []
        var isOver = false
        var tries: [Int] = []
        var faults: [String] = []

        mutating func start(_ number: Int, _ succeeds: Bool) {
            if isOver { faults.append("starts after the end") }
            guard succeeds else { return machine.restartFailed(number) }
            lastHandle += 1
            living[lastHandle] = number
            machine.started(number, lastHandle)
        }

        mutating func exits(_ handle: Int, _ reason: ExitReason, after delay: UInt64) {
            now += delay
            guard let number = living.removeValue(forKey: handle) else { return }
            let isForgotten = machine.exited(handle, reason, now: now) == number
            let isFinal = machine.restart == .temporary || (machine.restart == .transient && reason.isOrderly)
            if isForgotten != isFinal { faults.append("child \(number) forgotten: \(isForgotten)") }
        }

        /// Takes steps up to a start.
        mutating func nextStart() -> Int? {
            while let step = machine.next() {
                switch step {
                case .start(let number): return number
                case .tryAgain(let number): tries.append(number)
                case .reportRestart(_, let count):
                    restarts = restarts.filter { now - $0 <= 5 } + [now]
                    if restarts.count != count || count > 1 { faults.append("restart \(count)") }
                case .reportGiveUp: break
                case .giveUp: isOver = true
                }
            }
            return nil
        }

        mutating func check() {
            if Set(machine.running.keys) != Set(living.keys) {
                faults.append("\(machine.running) where \(living) live")
            }
            if !isOver && machine.restarting.keys.contains(where: { !tries.contains($0) }) {
                faults.append("\(machine.restarting) wait for ever")
            }
            if !isOver && machine.count != living.count + machine.restarting.count {
                faults.append("counts \(machine.count)")
            }
        }
    }

    private struct Explorer {
        var faults: Set<String> = []
        var rests = 0

        mutating func explore(_ world: World, _ events: Int, _ failures: Int) {
            var world = world
            if let number = world.nextStart() {
                for succeeds in failures > 0 ? [true, false] : [true] {
                    var next = world
                    next.start(number, succeeds)
                    explore(next, events, succeeds ? failures : failures - 1)
                }
                return
            }
            rests += 1
            world.check()
            faults.formUnion(world.faults)
            if !world.isOver { tryAgain(world, events, failures) }
            guard events > 0, !world.isOver else { return }
            var (admitted, count) = (world, world.machine.count)
            if let number = admitted.machine.admit() {
                admitted.start(number, true)
            } else if count < 2 {
                faults.insert("refused child \(count + 1)")
            }
            count = admitted.machine.count
            if count > 2 { faults.insert("\(count) children") }
            explore(admitted, events - 1, failures)
            for handle in world.living.keys.sorted() {
                for reason in [ExitReason.normal, .shutdown("detail"), .killed, .error(Failure())] {
                    for delay in [0, 6] as [UInt64] {
                        var next = world
                        next.exits(handle, reason, after: delay)
                        explore(next, events - 1, failures)
                    }
                }
                var next = world
                if next.machine.terminated(handle) != next.living.removeValue(forKey: handle) {
                    faults.insert("terminated")
                }
                explore(next, events - 1, failures)
            }
        }

        /// The tries that are due come in any order with what else happens, and not at all for those stopped meanwhile.
        private mutating func tryAgain(_ world: World, _ events: Int, _ failures: Int) {
            for number in Set(world.tries) {
                var next = world
                next.tries.removeAll { $0 == number }
                next.machine.tryAgain(number, now: next.now)
                explore(next, events, failures)
            }
            for former in world.machine.restarting.values where events > 0 {
                var next = world
                if next.machine.terminated(former) == nil { faults.insert("does not stop \(former), which it was") }
                explore(next, events - 1, failures)
            }
        }
    }

    @Test func `a child that is tried again can be stopped for good by the process that it was (P18, P19)`() {
        var machine = machine(.permanent, allowed: 2)
        machine.started(1, 10)
        _ = machine.exited(10, .killed, now: 1)
        while let step = machine.next() { if case .start(let number) = step { machine.restartFailed(number) } }
        #expect(machine.restarting == [1: 10] && machine.count == 1)
        #expect(machine.terminated(11) == nil && machine.terminated(10) == 1)
        machine.tryAgain(1, now: 2)
        #expect(machine.next() == nil && machine.count == 0)
    }

    @Test(arguments: Child.Restart.allCases)
    func `counts, bounds and restarts hold in every history (P16, P17, P18)`(restart: Child.Restart) {
        var explorer = Explorer()
        explorer.explore(World(machine: machine(restart)), 4, 1)
        #expect(explorer.faults == [])
        #expect(explorer.rests > 100)
    }

    @Test func `too many restarts end it (P18)`() {
        var machine = machine(.permanent)
        machine.started(1, 10)
        let forgotten = machine.exited(10, .killed, now: 1)
        #expect(forgotten == nil)
        let first = [machine.next(), machine.next(), machine.next()]
        #expect(first == [.reportRestart(1, count: 1), .start(1), nil])
        machine.started(1, 11)
        _ = machine.exited(11, .killed, now: 6)
        let second = [machine.next(), machine.next(), machine.next()]
        #expect(second == [.reportGiveUp(1), .giveUp, nil])
        #expect(machine.count == 0)
    }
}
