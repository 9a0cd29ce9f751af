import HansomTesting
import Synchronization
import Testing

@testable import Actors

/// What people hold of processes: addresses of servers, by name and from supervisors; reasons; what was started.
@Suite(.timeLimit(.minutes(1)))
struct HandleTests {
    let world = World()

    struct Bank: Server {
        enum Call: Sendable { case balance(Reply<Int>), fail }
        typealias Cast = Int
        enum Info: Sendable { case add(Int) }
        var balance = 0

        mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
            switch call {
            case .balance(let reply): reply(balance)
            case .fail: throw Failure()
            }
            return .receive
        }
        mutating func handle(cast: Int, _ me: isolated Me) async throws -> Next {
            balance += cast
            return .receive
        }
        mutating func handle(info: Info, _ me: isolated Me) async throws -> Next {
            if case .add(let n) = info { balance += n }
            return .receive
        }
    }

    struct Door: StateMachine {
        enum State: Sendable { case open, closed }
        enum Event: Sendable { case toggle, state(Reply<State>) }

        mutating func handle(_ event: Event, in state: State, _ me: isolated Me) async throws -> Transition<State> {
            switch event {
            case .toggle: return .go(state == .open ? .closed : .open)
            case .state(let reply):
                reply(state)
                return .stay
            }
        }
    }

    /// A name that no other run of these tests has.
    private static func name(_ text: String = #function) -> String { "P9 \(ProcessCore.nextID()) \(text)" }

    private func idle() -> Process<Int> { Process<Int>.spawn { me in while await me.receive() != nil {} } }

    // MARK: Servers

    @Test func `a server is called, cast and sent to by its name (P9, P12)`() throws {
        let name = Self.name()
        let total = world.ask(world.puppet()) { me -> [Int] in
            #expect(Registry.whereis(name, server: Bank.self) == nil)
            let bank = try await Bank(balance: 1).started(name: name)
            let address = try #require(Registry.whereis(name, server: Bank.self))
            address.cast(2)
            address.send(.add(4))
            #expect(address.tryCast(8) == .sent && address.trySend(.add(16)) == .sent)
            try await address.cast(waiting: 32)
            try await address.send(waiting: .add(64))
            #expect(address.pid == bank.pid && address.isAlive && address.name == name)
            return [try await address.call { .balance($0) }, try await ServerAddress(bank).call { .balance($0) }]
        }
        #expect(total == [127, 127])
        world.end()
    }

    @Test func `an address by name finds the server that a supervisor has started again (P9, P12)`() throws {
        let name = Self.name()
        let seen = world.ask(world.puppet()) { me -> [Int] in
            let tree = try await Supervisor(maxRestarts: 5) {
                Child("bank") { try await Bank(balance: 7).started(name: name) }
            }.start()
            let bank = ServerAddress<Bank>(named: name)
            let first = bank.pid
            let held = try #require(try await tree.children()[0].address(server: Bank.self))
            bank.cast(1)
            var seen = [try await bank.call { .balance($0) }, try await held.call { .balance($0) }]
            first.exit(.kill)
            _ = try await first.down()
            // The supervisor has heard of the end before it is asked.
            let again = try await tree.child("bank", server: Bank.self)
            #expect(bank.pid != first && again.pid == bank.pid && !held.isAlive)
            seen.append(try await bank.call { .balance($0) })
            await tree.stop()
            return seen
        }
        #expect(seen == [8, 8, 7])
        world.end()
    }

    @Test func `a name that nobody has is an error for who calls, and a dead letter for who sends (P1, P7, P11)`()
        throws
    {
        let before = world.play { world.scheduler.deadLetters }
        let log = Probe<String>()
        let puppet = world.puppet(log, traps: true)
        let seen = world.ask(puppet) { me -> [String] in
            let bank = ServerAddress<Bank>(named: "P9 nobody at all")
            bank.cast(1)
            #expect(bank.tryCast(1) == .dead && !bank.isAlive)
            me.monitor(bank) { .down($0) }
            me.link(bank)
            var seen: [String] = []
            do { _ = try await bank.call { .balance($0) } as Int } catch let error as CallError {
                seen += ["\(error.code)", "\(error)"]
            }
            do { try await bank.cast(waiting: 1) } catch let error as CallError { seen.append("\(error.code)") }
            seen.append("\(await bank.stop())")
            seen.append("\(try await bank.down())")
            return seen
        }
        #expect(
            seen == [
                "noProcess", "nobody that takes such messages is named \"P9 nobody at all\"", "noProcess", "no process",
                "no process",
            ])
        #expect(world.play { world.scheduler.deadLetters } == before + 1)
        #expect(log.values.sorted() == ["down no process", "exit no process"])
        world.end()
    }

    @Test func `the name of another kind of process is no server's (P9)`() throws {
        let name = Self.name()
        let puppet = world.puppet()
        let kinds = world.ask(puppet) { me -> [Bool] in
            try me.register(as: name)
            return [
                Registry.whereis(name, server: Bank.self) == nil, Registry.whereis(name, machine: Door.self) == nil,
                Registry.whereis(name, as: Supervisor.self) == nil,
                Registry.whereis(name, as: DynamicSupervisor.self) == nil, me.pid.address(server: Bank.self) == nil,
                me.pid.address(as: Puppet.self) != nil,
            ]
        }
        #expect(kinds?.allSatisfy { $0 } == true && kinds?.count == 6)
        world.end()
    }

    /// Swift passes over an unavailable function where another fits: so one that is deprecated gives the server. Behind
    /// a protocol, since the tests allow no warning.
    private protocol Mistaking {
        func serverByItsStatesType(_ name: String) -> ServerAddress<Bank>?
    }

    private struct Mistake: Mistaking {
        @available(*, deprecated, message: "uses what is deprecated")
        func serverByItsStatesType(_ name: String) -> ServerAddress<Bank>? { Registry.whereis(name, as: Bank.self) }
    }

    @Test func `a server that is asked for by its state's type is found all the same (P9)`() throws {
        let name = Self.name()
        let mistake: any Mistaking = Mistake()
        let found = world.ask(world.puppet()) { me -> Int? in
            let bank = try await Bank(balance: 3).started(name: name)
            #expect(bank.isAlive)
            return try await Registry.whereis(name, server: Bank.self)?.call { .balance($0) }
        }
        #expect(found == 3 && mistake.serverByItsStatesType(name)?.name == name)
        world.end()
    }

    @Test func `a state machine is reached by its name, and has what processes have (P9, P12)`() throws {
        let name = Self.name()
        let seen = world.ask(world.puppet()) { me -> [String] in
            let door = try await Door().started(in: .closed, name: name, label: "door")
            let address = try #require(Registry.whereis(name, machine: Door.self))
            address.send(.toggle)
            var seen = ["\(try await address.call { .state($0) } as Door.State)"]
            #expect(address.trySend(.toggle) == .sent && door.trySend(.toggle) == .sent)
            try await address.send(waiting: .toggle)
            try await door.send(waiting: .toggle)
            seen.append("\(try await door.address.call { .state($0) } as Door.State)")
            #expect(address.pid == door.pid && door.isAlive && door.process.pid == door.pid)
            try door.register(as: name + " 2")
            #expect(Registry.names(of: door.pid) == [name, name + " 2"])
            seen.append("\(await address.stop())")
            seen.append("\(try await door.down())")
            return seen
        }
        #expect(seen == ["open", "open", "shutdown", "shutdown"])
        world.end()
    }

    // MARK: Supervisors

    @Test func `what a dynamic supervisor started is what its start returned (P16, P19)`() throws {
        let seen = world.ask(world.puppet()) { me -> [Int] in
            let banks = try await DynamicSupervisor().start()
            let bank: ServerProcess<Bank> = try await banks.start { try await Bank(balance: 5).started() }
            let balance = try await bank.call { .balance($0) } as Int
            #expect(try await banks.children() == [bank.pid])
            try await banks.terminate(bank)
            return [balance, try await banks.count()]
        }
        #expect(seen == [5, 0])
        world.end()
    }

    @Test func `a dynamic supervisor in a tree is reached by its name, also after a restart (P9, P16)`() throws {
        let name = Self.name()
        let seen = world.ask(world.puppet()) { me -> [Int] in
            let banks = RunningDynamicSupervisor(named: name)
            do {
                try await banks.start { try await Bank().started() }
                Issue.record("nobody has the name")
            } catch { #expect((error as? SupervisorError)?.code == .noSupervisor) }
            let tree = try await Supervisor(id: "tree", name: name + " top", maxRestarts: 3) {
                DynamicSupervisor(id: "banks", name: name)
            }.start()
            let first = try await banks.start { try await Bank(balance: 1).started() }
            var seen = [try await first.call { .balance($0) } as Int, try await banks.count()]
            let before = banks.pid
            before.exit(.kill)
            _ = try await before.down()
            #expect(try await Registry.whereis(name + " top", as: Supervisor.self)?.count().active == 1)
            #expect(banks.pid != before && Registry.whereis(name, as: DynamicSupervisor.self)?.pid == banks.pid)
            let second = try await banks.start { try await Bank(balance: 2).started() }
            seen += [try await second.call { .balance($0) } as Int, try await banks.count()]
            await tree.stop()
            return seen
        }
        #expect(seen == [1, 1, 2, 1])
        world.end()
    }

    @Test func `a partitioned dynamic supervisor with a name is refused (P17)`() async throws {
        do {
            _ = try await DynamicSupervisor(name: "P9 parts").startPartitioned()
            Issue.record("it was started")
        } catch let error as SupervisorError {
            #expect(error.code == .badSpecification && "\(error)".contains("P9 parts"))
        }
    }

    @Test func `a start that returns the supervisor itself is refused (P17)`() throws {
        let error = world.ask(world.puppet()) { me -> String in
            do {
                _ = try await Supervisor { Child("odd") { try #require(PID.current) } }.start()
                return "started"
            } catch { return "\(error)" }
        }
        #expect(error?.contains("return what it started") == true)
        world.end()
    }

    @Test func `a permanent child that comes to its end by itself is told apart when its supervisor gives up (P18)`()
        throws
    {
        let supervisor = world.ask(world.puppet()) { me in
            try await Supervisor { Child("short") { Process<Int>.spawn { _ in } } }.start()
        }
        world.wait { supervisor?.isAlive == false }
        let error = supervisor?.pid.core.endReason?.error(as: SupervisorError.self)
        #expect(error?.code == .gaveUp && "\(error as Any)".contains("come to its end by itself"))
        world.end()
    }

    // MARK: Processes

    @Test func `processes, servers, tasks and addresses are linked and monitored as they are (P5, P7)`() throws {
        let log = Probe<String>()
        let puppet = world.puppet(log, traps: true)
        let others = world.ask(puppet) { me -> [PID] in
            let process = Process<Int>.spawn { me in while await me.receive() != nil {} }
            let server = try await Bank().started()
            let task = ProcessTask.spawn { try await Task.sleep(for: .seconds(1_000)) }
            me.link(process)
            me.monitor(server) { .down($0) }
            me.monitor(task) { .down($0) }
            me.monitor(process.address) { .down($0) }
            me.link(task)
            me.unlink(task)
            return [process.pid, server.pid, task.pid]
        }
        for pid in others ?? [] { world.play { pid.exit(.shutdown) } }
        world.wait { log.count == 4 }
        #expect(log.values.sorted() == ["down shutdown", "down shutdown", "down shutdown", "exit shutdown"])
        world.end()
    }

    @Test(arguments: [false, true])
    func `an address says whether there is room, and waits for it (P14)`(isElsewhere: Bool) throws {
        let latch = Latch()
        let seen = Probe<Int>()
        let receiver = world.play {
            Process<Int>.spawn(on: world.scheduler, mailbox: .bounded(1, whenFull: .suspend)) { me in
                await latch.wait()
                for await n in me.mailbox { seen.record(n) }
            }
        }
        let address = receiver.address
        let first = isElsewhere ? address.trySend(1) : world.play { address.trySend(1) }
        #expect(first == .sent && (isElsewhere ? address.trySend(2) : world.play { address.trySend(2) }) == .full)
        let sender = world.puppet()
        world.tell(sender) { _ in try await address.send(waiting: 3) }
        latch.open()
        world.wait { seen.count == 2 }
        #expect(seen.values == [1, 3])
        world.play { receiver.exit(.shutdown) }
        #expect(address.trySend(4) == .dead && !address.isAlive)
        let code = world.ask(sender) { _ -> CallError.Code? in
            do { try await address.send(waiting: 5) } catch { return (error as? CallError)?.code }
            return nil
        }
        #expect(code == .noProcess)
        world.end()
    }

    // MARK: Reasons

    struct Coded: Error, Equatable { let code: Int }
    struct Plain: Error { let text: String }

    @Test func `reasons are equal by kind, detail and error (P4)`() {
        #expect(ExitReason.normal == .normal && ExitReason.normal != .shutdown && ExitReason.killed != .kill)
        #expect(ExitReason.shutdown != .shutdown("late") && ExitReason.shutdown("late") == .shutdown("late"))
        #expect(ExitReason.error(Coded(code: 1)) == .error(Coded(code: 1)))
        #expect(ExitReason.error(Coded(code: 1)) != .error(Coded(code: 2)))
        #expect(ExitReason.error(Coded(code: 1)) != .error(Failure()))
        let plain = ExitReason.error(Plain(text: "a"))
        let copy = plain
        #expect(plain == copy && plain != .error(Plain(text: "a")))
    }

    private func matched(_ reason: ExitReason) -> String {
        switch reason {
        case .normal: "normal"
        case .shutdown: "shutdown"
        case .kill, .killed: "killed"
        case .noProcess: "nobody"
        case .error: "error \(reason.error(as: Coded.self)?.code ?? 0)"
        default: "other"
        }
    }

    private func takenApart(_ reason: ExitReason) -> String {
        switch reason.cause {
        case .normal: "normal"
        case .shutdown(let detail): "shutdown \(detail ?? "-")"
        case .kill, .killed: "killed"
        case .noProcess: "nobody"
        case .error(let error): "error \(error)"
        }
    }

    @Test func `reasons are matched in a switch, and taken apart (P4)`() {
        let reasons: [ExitReason] = [
            .normal, .shutdown, .shutdown("late"), .kill, .killed, .noProcess, .error(Coded(code: 3)),
            .error(Failure()),
        ]
        #expect(
            reasons.map(matched) == [
                "normal", "shutdown", "shutdown", "killed", "killed", "nobody", "error 3", "error 0",
            ])
        #expect(
            reasons.map(takenApart) == [
                "normal", "shutdown -", "shutdown late", "killed", "killed", "nobody", "error Coded(code: 3)",
                "error failure",
            ])
        if case .shutdown = reasons[2] {} else { Issue.record("shutdown(late) is a shutdown") }
    }

    // MARK: What is not Sendable

    /// A class that nobody but its process has.
    final class Ledger: Server {
        enum Call: Sendable { case add(Int, Reply<Int>) }
        private var entries: [Int] = []

        init(opening: Int) { entries = [opening] }

        func handle(call: Call, _ me: isolated Me) async throws -> Next {
            switch call {
            case .add(let n, let reply):
                entries.append(n)
                reply(entries.reduce(0, +))
            }
            return .receive
        }
    }

    @Test func `the state of a server may be a class that is made on its process (P12)`() throws {
        let seen = world.ask(world.puppet()) { me -> [Int] in
            let ledger = try await Ledger.started(name: nil) { Ledger(opening: 10) }
            return [try await ledger.call { .add(1, $0) }, try await ledger.call { .add(2, $0) }]
        }
        #expect(seen == [11, 13])
        let failed = world.ask(world.puppet()) { me -> String in
            do {
                _ = try await Ledger.started { throw Failure() }
                return "started"
            } catch { return "\(error)" }
        }
        #expect(failed == "failure")
        #expect(!world.events.values.contains { if case .crash = $0 { true } else { false } })
        world.end()
    }

    final class Page { var text = "" }

    @Test func `a parcel brings a process what is not Sendable, once (P1)`() {
        let seen = Probe<String>()
        let again = Probe<Bool>()
        let printer = world.spawn(Parcel<Page>.self) { me in
            for await parcel in me.mailbox {
                if let page = parcel.open() {
                    page.text += "!"
                    seen.record(page.text)
                }
                again.record(parcel.open() == nil)
            }
        }
        world.play {
            let page = Page()
            page.text = "hello"
            printer.send(Parcel(page))
        }
        #expect(seen.values == ["hello!"] && again.values == [true])
        world.end()
    }
}
