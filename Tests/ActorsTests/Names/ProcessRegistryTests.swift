import HansomTesting
import Testing

@testable import Actors

/// Processes under keys of any type, each with a value.
@Suite(.timeLimit(.minutes(1)))
struct ProcessRegistryTests {
    let world = World()

    struct Seat: Hashable, Sendable {
        let row: Int
        let number: Int
    }

    private func idle() -> Process<Int> { world.spawn { me in while await me.receive() != nil {} } }

    @Test func `a unique key has one process, and a process several keys (P9)`() throws {
        let seats = ProcessRegistry<Seat, String>()
        let (a, b) = (idle(), idle())
        let seat = Seat(row: 1, number: 2)
        try seats.register(a, under: seat, value: "ann")
        try seats.register(a.pid, under: Seat(row: 3, number: 4), value: "ann's coat")
        #expect(throws: RegistryError.self) { try seats.register(b, under: seat, value: "bob") }
        #expect(throws: RegistryError.self) { try seats.register(a, under: seat, value: "ann again") }
        #expect(seats[seat]?.pid == a.pid && seats[seat]?.value == "ann" && seats.count == 2)
        #expect(Set(seats.keys(of: a)) == [seat, Seat(row: 3, number: 4)] && seats.keys(of: b).isEmpty)
        #expect(seats.setValue("anna", of: a, under: seat) == "ann" && seats[seat]?.value == "anna")
        #expect(seats.setValue("bob", of: b, under: seat) == nil && seats[seat]?.value == "anna")
        #expect(!seats.unregister(b, from: seat) && seats.unregister(a, from: seat) && !seats.unregister(a, from: seat))
        try seats.register(b, under: seat, value: "bob")
        #expect(seats[seat]?.pid == b.pid)
        world.end()
    }

    @Test func `a process that ends is out of it before anyone sees its down (P9)`() throws {
        let registry = ProcessRegistry<Int, String>(.duplicate)
        let other = ProcessRegistry<String, Int>()
        let log = Probe<String>()
        let (dies, stays) = (idle(), idle())
        let watcher = world.puppet(log)
        for key in 0..<100 { try registry.register(dies, under: key, value: "dies") }
        try registry.register(stays, under: 7, value: "stays")
        try other.register(dies, under: "x", value: 1)
        let seen = Probe<Int>()
        world.tell(watcher) { me in
            _ = me.monitor(dies) { down in
                seen.record(registry.count + other.count)
                return .down(down)
            }
        }
        world.play { dies.exit(.kill) }
        #expect(seen.values == [1] && log.values == ["down killed"])
        #expect(registry.entries(under: 7).map(\.value) == ["stays"] && registry[8] == nil && other["x"] == nil)
        #expect(throws: RegistryError.self) { try other.register(dies, under: "x", value: 2) }
        #expect(other.count == 0 && registry.keys(of: dies).isEmpty)
        world.end()
    }

    @Test func `a message goes to all under a key that take its type, in order of their coming (P9)`() throws {
        let topics = ProcessRegistry<String, Int>(.duplicate)
        let log = Probe<String>()
        let takers = (0..<3).map { number in
            world.spawn(String.self) { me in for await text in me.mailbox { log.record("\(number) \(text)") } }
        }
        for (number, taker) in takers.enumerated() { try topics.register(taker, under: "news", value: number) }
        try topics.register(idle(), under: "news", value: 3)
        #expect(topics.entries(under: "news").map(\.value) == [0, 1, 2, 3])
        #expect(world.play { topics.dispatch("hello", to: "news") } == 3)
        #expect(log.values.sorted() == ["0 hello", "1 hello", "2 hello"])
        var seen: [Int] = []
        topics.dispatch("news") { entries in
            for entry in entries {
                seen.append(entry.value)
                topics.unregister(entry.pid, from: "news")
            }
        }
        topics.dispatch("news") { _ in Issue.record("nobody is there any more") }
        #expect(seen == [0, 1, 2, 3] && topics.dispatch("hello", to: "news") == 0)
        world.end()
    }

    @Test func `processes that come and go on all threads leave nothing behind (P9)`() async throws {
        try await withGroup(count: 3) { group in
            let registry = ProcessRegistry<Int, Int>(.duplicate)
            await withTaskGroup { tasks in
                for thread in 0..<4 {
                    tasks.addTask {
                        for number in 0..<200 {
                            let process = Process<Int>.spawn(on: group.schedulers[number % 3]) { _ in }
                            // One that has ended already is refused, which is as good.
                            try? registry.register(process, under: number % 17, value: thread)
                            _ = await process.pid.downInAnyCase()
                        }
                    }
                }
            }
            #expect(registry.count == 0)
        }
    }
}
