import HansomTesting
import Testing

@testable import Actors

/// Tables that belong to a process, and that everybody reads without asking it (P34).
@Suite(.ownThread, .timeLimit(.minutes(1))) struct TableTests {
    let world = World()

    private func table(
        of owner: Process<Puppet>, _ access: Table<String, Int>.Access = .owner
    ) throws -> Table<String, Int> { try Table(owner: owner, access: access) }

    /// What a puppet gets when it writes: the error's code, or nothing.
    private func code(of puppet: Process<Puppet>, _ write: @escaping @Sendable () throws -> Void) -> TableError.Code? {
        world.ask(puppet) { _ -> TableError.Code? in
            do { try write() } catch { return (error as? TableError)?.code }
            return nil
        } ?? nil
    }

    @Test func `values are read by anybody, at once (P34)`() throws {
        let table = try table(of: world.puppet(), .everybody)
        #expect(table["a"] == nil && table.count == 0)
        #expect(try table.insert(1, for: "a") == nil)
        #expect(try table.insert(2, for: "a") == 1)
        #expect(try table.insertIfAbsent(3, for: "a") == false)
        #expect(try table.insertIfAbsent(3, for: "b") == true)
        #expect(table.contents == ["a": 2, "b": 3] && table.count == 2 && table.keys.sorted() == ["a", "b"])
        #expect(try table.removeValue(for: "a") == 2)
        #expect(try table.removeValue(for: "a") == nil)
        #expect(
            try table.update("b", default: 0) {
                $0 += 1; return $0
            } == 4)
        #expect(
            try table.update("c", default: 10) {
                $0 += 1; return $0
            } == 11)
        #expect(throws: Failure.self) { try table.update("c", default: 0) { _ in throw Failure() } }
        #expect(table.contents == ["b": 4, "c": 11])
        try table.removeAll()
        #expect(table.contents.isEmpty && table["b"] == nil)
        world.end()
    }

    @Test func `where the owner alone writes, others are refused, and read (P34)`() throws {
        let (owner, other) = (world.puppet(), world.puppet())
        let table = try table(of: owner)
        let writes: [@Sendable () throws -> Void] = [
            { try table.insert(1, for: "a") }, { try table.insertIfAbsent(1, for: "b") },
            { try table.update("c", default: 0) { $0 += 1 } }, { try table.removeValue(for: "a") },
            { try table.removeAll() }, { try table.removeAll { _, _ in true } },
            { try table.setHeir(other) { .text("\($0)") } }, { try table.give(to: owner) },
        ]
        for write in writes {
            #expect(code(of: other, write) == .notOwner)
            let error = #expect(throws: TableError.self) { try write() }
            #expect(error?.code == .notOwner && error?.owner == owner.pid)
            #expect(code(of: owner, write) == nil)
        }
        #expect(code(of: owner) { try table.insert(7, for: "d") } == nil)
        #expect(table["d"] == 7)
        world.end()
    }

    @Test(arguments: [ExitReason.normal, .shutdown, .kill])
    func `a table goes with its owner, however that ends (P34)`(reason: ExitReason) throws {
        let owner = world.puppet()
        let table = try table(of: owner, .everybody)
        try table.insert(1, for: "a")
        world.tell(owner) { _ in throw reason }
        world.play { owner.exit(reason) }
        #expect(!owner.pid.isAlive && table.isGone && table["a"] == nil && table.count == 0)
        for write in [{ try table.insert(1, for: "a") == nil }, { try table.insertIfAbsent(1, for: "a") }] {
            let error = #expect(throws: TableError.self) { try write() }
            #expect(error?.code == .gone && error?.description.contains("\(owner.pid)") == true)
        }
        #expect(throws: TableError.self) { try table.removeAll() }
        #expect(throws: TableError.self) { try self.table(of: owner) }
        world.end()
    }

    @Test func `an heir gets the table, and is told (P34)`() async throws {
        let log = Probe<String>()
        let (owner, heir) = (world.puppet(), world.puppet(log))
        let table = try table(of: owner)
        let pid = owner.pid
        #expect(
            code(of: owner) {
                try table.insert(1, for: "a")
                try table.setHeir(heir) { .text("from \($0 == pid)") }
            } == nil)
        world.play { owner.exit(.kill) }
        #expect(table.owner == heir.pid && !table.isGone && table["a"] == 1)
        world.wait { log.count == 1 }
        #expect(log.values == ["from true"])
        #expect(code(of: heir) { try table.insert(2, for: "a") } == nil)
        // It has no heir any more.
        world.play { heir.exit(.kill) }
        #expect(table.isGone && table["a"] == nil)
        world.end()
    }

    @Test func `an heir that has ended gets nothing (P34)`() throws {
        let (owner, heir) = (world.puppet(), world.puppet())
        let table = try table(of: owner)
        #expect(code(of: owner) { try table.setHeir(heir) { .text("\($0)") } } == nil)
        world.play { heir.exit(.kill) }
        world.play { owner.exit(.kill) }
        #expect(table.isGone)
        world.end()
    }

    @Test func `a table is given away by its owner, and goes with whom it was given to (P34)`() throws {
        let (first, second, third) = (world.puppet(), world.puppet(), world.puppet())
        let table = try table(of: first)
        #expect(code(of: first) { try table.give(to: second) } == nil)
        world.play { first.exit(.kill) }
        #expect(table.owner == second.pid && !table.isGone)
        world.play { third.exit(.kill) }
        #expect(code(of: second) { try table.give(to: third) } == .gone)
        #expect(table.isGone)
        world.end()
    }

    @Test func `a table belongs to the process that makes it, and to nobody it cannot (P34)`() throws {
        let owner = world.puppet()
        let table = try #require(world.ask(owner) { _ in try? Table<String, Int>(access: .everybody) } ?? nil)
        #expect(table.owner == owner.pid && table.access == .everybody && !table.isGone)
        world.play { owner.exit(.kill) }
        #expect(table.isGone)
        let error = #expect(throws: TableError.self) { try Table<String, Int>() }
        #expect(error?.code == .noOwner && error?.description.contains("owner:") == true)
        world.end()
    }

    @Test func `what a predicate says yes to is taken out, but for what has changed meanwhile (P34)`() throws {
        let (owner, other) = (world.puppet(), world.puppet())
        let table = try Table<Int, Int>(owner: owner, access: .everybody)
        for number in 0..<1_000 { try table.insert(number, for: number) }
        #expect(try table.removeAll { key, value in key == value && value % 2 == 1 } == 500)
        #expect(table.count == 500 && table.keys.allSatisfy { $0 % 2 == 0 })
        // Somebody changes each as it is looked at, or takes it out.
        let removed = try table.removeAll { key, value in
            if key < 100 { try table.insert(value, for: key) }
            if key == 100 { try table.removeValue(for: key) }
            return true
        }
        #expect(removed == 449 && table.count == 50 && table.keys.allSatisfy { $0 < 100 })
        #expect(throws: Failure.self) { try table.removeAll { _, _ in throw Failure() } }
        #expect(table.count == 50)
        let guarded = try self.table(of: owner)
        #expect(code(of: other) { try guarded.removeAll { _, _ in true } } == .notOwner)
        world.play { owner.exit(.kill) }
        let error = #expect(throws: TableError.self) { try table.removeAll { _, _ in true } }
        #expect(error?.code == .gone)
        world.end()
    }

    @Test func `who has it no more leaves nothing at the owner (P34)`() throws {
        let owner = world.puppet()
        do {
            let table = try table(of: owner)
            #expect(owner.core.observerCount == 1 && !table.isGone)
        }
        #expect(owner.core.observerCount == 0)
        world.end()
    }

    @Test func `changes of many at once are all made (P34)`() async throws {
        try await withQuietGroup { group in
            let owner = Process<Int>.spawn(on: group.schedulers[0]) { me in for await _ in me.mailbox {} }
            let table = try Table<Int, Int>(owner: owner, access: .everybody)
            let writers = (0..<4).map { _ in
                ProcessTask.spawn(on: group.next()) {
                    for number in 0..<1000 { try table.update(number % 7, default: 0) { $0 += 1 } }
                }
            }
            for writer in writers { try await writer.value }
            #expect(table.contents.values.reduce(0, +) == 4000)
        }
    }

    @Test func `values that go with an owner are let go of where users' code may run (P32, P34)`() async throws {
        final class Witness: Sendable {
            let gone: Latch
            init(_ gone: Latch) { self.gone = gone }
            deinit { gone.open() }
        }
        let gone = Latch()
        let owner = world.puppet()
        let table = try Table<Int, Witness>(owner: owner, access: .everybody)
        try table.insert(Witness(gone), for: 1)
        world.play { owner.exit(.kill) }
        await gone.wait()
        #expect(table.isGone)
    }
}
