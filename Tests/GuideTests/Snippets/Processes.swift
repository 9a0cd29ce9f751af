// Snippets may take for certain what their readers can see.
// swift-format-ignore-file: NeverForceUnwrap

import Actors

func readmeProcess() async throws {
    // guide: readme-process
    let adder = Process<Int>.spawn { me in
        var total = 0
        while total < 10, let number = await me.receive() { total += number }
        print("the total is \(total)")
    }
    for number in 1...4 { adder.send(number) }
    print(try await adder.down())
    // end
}

func countMessages() async throws -> Int {
    // guide: counter
    enum Input: Sendable {
        case add(Int)
        case total(Reply<Int>)
    }

    let counter = Process<Input>.spawn { me in
        var total = 0
        for await input in me.mailbox {
            switch input {
            case .add(let number): total += number
            case .total(let reply): reply(total)
            }
        }
    }
    counter.send(.add(2))
    counter.send(.add(3))
    let total = try await counter.call { .total($0) }
    // end
    counter.exit(.shutdown)
    return total
}

func callFailures(_ counter: Process<Reply<Int>>) async {
    // guide: call-errors
    do {
        let total = try await counter.call(timeout: .seconds(1)) { $0 }
        print(total)
    } catch let error as CallError {
        switch error.code {
        case .timeout: print("no reply within a second; a later one is dropped")
        case .noProcess: print("it had ended before")
        case .exited: print("it ended before it replied: \(error.reason!)")
        default: print(error)
        }
    } catch {
        print("it refused: \(error)")
    }
    // end
}

func receiveSelectively() async -> [String] {
    await withCheckedContinuation { continuation in
        // guide: selective
        enum Input: Sendable {
            case news(String)
            case answer(Int)
        }

        let reader = Process<Input>.spawn { me in
            var seen: [String] = []
            let answer = await me.receive(timeout: .seconds(5)) { if case .answer(let n) = $0 { n } else { nil } }
            seen.append("first the answer: \(answer ?? 0)")
            while case .news(let news)? = await me.receive(timeout: .zero) { seen.append(news) }
            continuation.resume(returning: seen)
        }
        reader.send(.news("one"))
        reader.send(.news("two"))
        reader.send(.answer(42))
        // end
    }
}

func boundMailbox() async throws -> SendResult {
    // guide: bounded
    let slow = Process<Int>.spawn(mailbox: .bounded(2, whenFull: .suspend)) { me in
        for await number in me.mailbox { print(number) }
    }
    for number in 1...10 { try await slow.send(waiting: number) }
    let result = slow.trySend(11)
    // end
    slow.exit(.shutdown)
    return result
}

func setTimers() async -> Int {
    await withCheckedContinuation { continuation in
        // guide: timers
        enum Input: Sendable { case tick, tooLate }

        Process<Input>.spawn { me in
            let end = me.sendAfter(.seconds(60), .tooLate)
            me.sendEvery(.milliseconds(1), .tick)
            var ticks = 0
            while ticks < 3, case .tick? = await me.receive() { ticks += 1 }
            if let left = me.cancel(end) { print("\(left) were left") }
            continuation.resume(returning: ticks)
        }
        // end
    }
}

func nameProcesses(_ counter: Process<Int>) throws -> Bool {
    // guide: names
    try counter.register(as: "counter")
    Registry.whereis("counter", as: Int.self)?.send(1)
    // end
    return Registry.unregister("counter")
}

func callByName() async throws -> Int {
    let server = try await Bank().started(name: "the bank")
    // guide: names-server
    let bank = ServerAddress<Bank>(named: "the bank")
    let balance = try await bank.call { .deposit(1, $0) }
    // end
    await server.stop()
    return balance
}

func keyProcesses(_ members: [Process<String>]) throws -> Int {
    // guide: keys
    let seats = ProcessRegistry<Int, String>(.duplicate)
    for member in members { try seats.register(member, under: 42, value: "front row") }
    seats.dispatch("welcome", to: 42)
    for seat in seats.entries(under: 42) { print(seat.pid, seat.value) }
    // end
    return seats.count
}

func matchReasons(_ reason: ExitReason) {
    // guide: reasons
    switch reason {
    case .normal, .shutdown: print("in good order")
    case .error: print("failed:", reason.error(as: Bank.Overdrawn.self)?.balance ?? 0)
    default: print(reason)
    }
    if case .error(let error) = reason.cause { print(error) }
    // end
}

func groupProcesses(_ members: [Process<String>]) -> Int {
    // guide: groups
    let room = ProcessGroup<String>("room 42")
    for member in members { room.join(member) }
    room.broadcast("hello, everyone")
    // end
    return room.count
}

func runTask() async throws -> Int {
    // guide: task
    let sum = ProcessTask.spawn(label: "sum") { (1...100).reduce(0, +) }
    let value = try await sum.value
    // end
    return value
}

func streamTasks(_ pages: [String], _ load: @escaping @Sendable (String) async throws -> [UInt8]) async {
    // guide: task-stream
    let sizes = ProcessTask.stream(over: pages, maxConcurrent: 8, timeout: .seconds(2)) { page in
        try await load(page).count
    }
    for await size in sizes {
        switch size {
        case .success(let bytes): print(bytes)
        case .failure(let error): print(error)
        }
    }
    // end
}

func countInTable(_ worker: Process<Int>) throws -> Int {
    // guide: table
    let hits = try Table<String, Int>(owner: worker, access: .everybody)
    try hits.update("/index", default: 0) { $0 += 1 }
    let count = hits["/index"] ?? 0
    // end
    return count
}

func endProcess() async throws -> ExitReason.Kind {
    // guide: exit
    let worker = Process<Int>.spawn { me in
        for await number in me.mailbox { print(number) }
        print("the mailbox is closed: tidy up, and return")
    }
    worker.exit(.shutdown("no more work"))
    let reason = try await worker.down()
    // end
    return reason.kind
}

func cleanUp(_ desk: Process<DeskInput>) -> Process<Int> {
    // guide: clean-up
    let guest = Process<Int>.spawn { me in
        for await number in me.mailbox { print(number) }
        await me.cleanUp { _ in _ = try? await desk.call { .total($0) } }
    }
    // end
    return guest
}

enum DeskInput: Sendable { case total(Reply<Int>) }

func heedCancellation() -> Process<Int> {
    // guide: heed
    let worker = Process<Int>.spawn { me in
        for step in 0..<1_000_000 {
            try Task.checkCancellation()
            if step % 1000 == 0 { await Task.yield() }
        }
    }
    // end
    return worker
}

func block() async throws -> Int {
    // guide: blocking
    let sum = try await blocking { (1...1_000_000).reduce(0, +) }
    // end
    return sum
}

func carryRequest() {
    // guide: carry
    enum Request { @TaskLocal static var id: String? }

    CallContext.carry(Request.$id)
    // end
}

func makeGroup() async throws {
    // guide: group
    let group = try SchedulerGroup(options: .init(count: 2, name: "game"))
    let process = Process<Int>.spawn(on: group.next()) { me in
        for await number in me.mailbox { print(number) }
    }
    process.send(1)
    await group.shutdown()
    // end
}
