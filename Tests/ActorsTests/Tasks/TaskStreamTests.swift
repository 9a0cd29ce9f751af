import HansomTesting
import Testing

@testable import Actors

/// Tasks that do the same for each element of a sequence (P22).
@Suite(.ownThread, .timeLimit(.minutes(1))) struct TaskStreamTests {
    private let begun = Probe<Int>()

    /// What comes out of a stream, failures as the words for them.
    private func words(_ stream: TaskStream<Int>) async -> [String] {
        var words: [String] = []
        for await result in stream {
            switch result {
            case .success(let value): words.append("\(value)")
            case .failure(let error as CallError): words.append("\(error.code)")
            case .failure(let error as ExitReason): words.append("\(error.kind)")
            case .failure(let error): words.append("\(error)")
            }
        }
        return words
    }

    @Test(arguments: [1, 3, 100])
    func `values come in the order of the elements, whoever is done first (P22)`(most: Int) async throws {
        try await withQuietGroup { group in
            let latches = (0..<10).map { _ in Latch() }
            let stream = ProcessTask.stream(over: 0..<10, maxConcurrent: most, placement: .on(group.schedulers[0])) {
                number in
                // Of those that begin together each waits for the one behind it.
                latches[number].open()
                if (number + 1) % most != 0 && number < 9 { await latches[number + 1].wait() }
                return number
            }
            #expect(await words(stream) == (0..<10).map(String.init))
            #expect(await words(stream) == (0..<10).map(String.init), "each loop does it again")
        }
    }

    @Test func `without order each value comes when it is there (P22)`() async throws {
        try await withQuietGroup { group in
            let latch = Latch()
            let stream = ProcessTask.stream(
                over: 0..<4, maxConcurrent: 2, ordered: false, placement: .on(group.schedulers[0])
            ) { number in
                if number == 0 { await latch.wait() }
                return number
            }
            var values: [Int] = []
            for await result in stream {
                values.append(try result.get())
                if values.count == 3 { latch.open() }
            }
            #expect(values == [1, 2, 3, 0])
        }
    }

    @Test(arguments: [true, false])
    func `no more have begun and not been taken than it says, and none before it is asked (P22)`(
        ordered: Bool
    ) async throws {
        try await withQuietGroup { group in
            let stream = ProcessTask.stream(
                over: 0..<20, maxConcurrent: 3, ordered: ordered, placement: .on(group.schedulers[0])
            ) { [begun] number in
                begun.record(number)
                return number
            }
            var iterator = stream.makeAsyncIterator()
            for _ in 0..<100 { await Task.yield() }
            #expect(begun.count == 0)
            for taken in 1...20 {
                #expect(await iterator.next() != nil)
                #expect(begun.count <= taken + 2)
            }
            #expect(await iterator.next() == nil)
            #expect(await iterator.next() == nil)
            #expect(begun.values.sorted() == Array(0..<20))
        }
    }

    @Test func `one that throws, or is ended, fails alone (P22)`() async throws {
        try await withQuietGroup { group in
            let stream = ProcessTask.stream(over: 0..<4, maxConcurrent: 2, placement: .on(group.schedulers[0])) {
                number in
                if number == 1 { throw Failure() }
                if number == 2 { throw ExitReason.shutdown("done") }
                return number
            }
            #expect(await words(stream) == ["0", "failure", "shutdown", "3"])
        }
    }

    @Test(arguments: [true, false])
    func `one that takes too long is killed, also one that does not suspend, and the others go on (P22, P32)`(
        suspends: Bool
    ) async throws {
        try await withQuietGroup { group in
            let tasks = Probe<PID>()
            let isOver = Counter()
            let stream = ProcessTask.stream(
                over: 0..<3, maxConcurrent: 3, timeout: .milliseconds(50), placement: .spread
            ) { number in
                if number == 1 {
                    ProcessCore.current.map { tasks.record($0.pid) }
                    while isOver.value == 0 { if suspends { await Task.yield() } }
                }
                return number
            }
            let heard = ProcessTask.spawn(on: group.schedulers[0]) {
                var count = 0
                for await result in stream {
                    count += 1
                    if count == 2 {
                        let error = #expect(throws: CallError.self) { try result.get() }
                        #expect(error?.code == .timeout)
                    }
                }
                return count
            }
            // The one that does not suspend may hold the scheduler on which the loop is, which is not heard of then.
            #expect(await eventually { tasks.count == 1 && !tasks.values[0].isAlive })
            #expect(tasks.values[0].core.lastReason?.kind == .killed)
            isOver.add()
            let count = try await heard.value
            #expect(count == 3)
        }
    }

    @Test func `one that was done in time may be taken later (P22)`() {
        let world = World()
        let log = Probe<String>()
        let stream = ProcessTask.stream(
            over: 0..<2, maxConcurrent: 2, timeout: .seconds(1), placement: .on(world.scheduler)
        ) { $0 }
        let taker = world.spawn(Int.self) { me in
            var iterator = stream.makeAsyncIterator()
            for _ in 0..<2 {
                log.record("\(try await iterator.next()?.get() ?? -1)")
                _ = await me.receive()
            }
        }
        world.wait { log.count == 1 }
        world.wait { world.scheduler.alarmCount == 0 }
        world.advance(by: .seconds(10))
        world.play { taker.send(1) }
        world.wait { log.count == 2 }
        #expect(log.values == ["0", "1"])
        world.end()
    }

    @Test(arguments: ["left", "cancelled"])
    func `when the loop is left or cancelled, those that work are asked to end (P22)`(way: String) async throws {
        try await withQuietGroup { group in
            let tasks = Probe<PID>()
            let stream = ProcessTask.stream(
                over: 0..<10, maxConcurrent: 4, timeout: nil, placement: .on(group.schedulers[0])
            ) { number in
                ProcessCore.current.map { tasks.record($0.pid) }
                // The first is done when all have begun: one that is told to end before never does.
                while number == 0 ? tasks.count < 4 : !Task.isCancelled { await Task.yield() }
                return number
            }
            let loop = Task {
                var count = 0
                for await _ in stream {
                    count += 1
                    if way == "left" { break }
                }
                return count
            }
            // Another begins when the first value was taken and the next is waited for.
            #expect(await eventually { tasks.count == (way == "left" ? 4 : 5) })
            if way == "cancelled" { loop.cancel() }
            #expect(await loop.value == 1)
            #expect(await eventually { tasks.values.allSatisfy { !$0.isAlive } })
        }
    }

    @Test func `a task that is shut down gives what it has returned, or ends in time (P22)`() async throws {
        try await withQuietGroup { group in
            let done = ProcessTask.spawn(on: group.schedulers[0]) { 42 }
            _ = try await done.value
            #expect(try await done.shutdown() == 42)
            let failed = ProcessTask.spawn(on: group.schedulers[0]) { () async throws -> Int in throw Failure() }
            _ = try? await failed.value
            await #expect(throws: Failure.self) { try await failed.shutdown() }
            let obedient = ProcessTask.spawn(on: group.schedulers[0]) {
                while !Task.isCancelled { await Task.yield() }
                return 1
            }
            #expect(try await obedient.shutdown() == nil)
            let (begun, latch) = (Latch(), Latch())
            let stubborn = ProcessTask.spawn(on: group.schedulers[0]) {
                begun.open()
                await latch.wait()
                return 1
            }
            await begun.wait()
            #expect(try await stubborn.shutdown(within: .milliseconds(10)) == nil)
            #expect(stubborn.pid.core.lastReason?.kind == .killed)
            latch.open()
        }
    }
}
