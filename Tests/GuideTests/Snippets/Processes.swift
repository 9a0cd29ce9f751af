import Actors

func readmeProcess() async {
    // guide: readme-process
    let adder = Process<Int>.spawn { me in
        var total = 0
        while total < 10, let number = await me.receive() { total += number }
        print("the total is \(total)")
    }
    for number in 1...4 { adder.send(number) }
    print(await adder.down())
    // end
}

func countMessages() async -> Int {
    // guide: counter
    enum Input: Sendable {
        case add(Int)
        case report(CheckedContinuation<Int, Never>)
    }

    let counter = Process<Input>.spawn { me in
        var total = 0
        for await input in me.mailbox {
            switch input {
            case .add(let number): total += number
            case .report(let asker): asker.resume(returning: total)
            }
        }
    }
    counter.send(.add(2))
    counter.send(.add(3))
    let total = await withCheckedContinuation { counter.send(.report($0)) }
    // end
    counter.exit(.shutdown)
    return total
}

func monitor() async -> ExitReason.Kind {
    // guide: monitor
    struct Failure: Error {}

    let worker = Process<String>.spawn { me in
        _ = await me.receive()
        throw Failure()
    }
    let watcher = Process<Down>.spawn { me in
        me.monitor(worker.pid) { $0 }
        if let down = await me.receive(timeout: .seconds(5)) {
            print("\(down.pid) ended: \(down.reason)")
        }
    }
    worker.send("go")
    // end
    _ = await watcher.down()
    return await worker.down().kind
}

func endProcess() async -> ExitReason.Kind {
    // guide: exit
    let worker = Process<Int>.spawn { me in
        for await number in me.mailbox { print(number) }
        print("the mailbox is closed: tidy up, and return")
    }
    worker.exit(.shutdown("no more work"))
    let reason = await worker.down()
    // end
    return reason.kind
}

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

func block() async -> Int {
    // guide: blocking
    let sum = await blocking { (1...1_000_000).reduce(0, +) }
    // end
    return sum
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
