import Actors

struct Failure: Error {}

func monitor() async throws -> ExitReason.Kind {
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
    _ = try await watcher.down()
    return try await worker.down().kind
}

func link() async throws -> ExitReason.Kind {
    // guide: link
    let parent = Process<Int>.spawn { me in
        me.spawnLink(Int.self) { child in
            _ = await child.receive(timeout: .milliseconds(1))
            throw Failure()
        }
        for await number in me.mailbox { print(number) }
    }
    let reason = try await parent.down()
    // end
    return reason.kind
}

func trap() async -> ExitReason.Kind? {
    await withCheckedContinuation { continuation in
        // guide: trap
        enum Input: Sendable {
            case work(Int)
            case exit(ExitSignal)
        }

        Process<Input>.spawn { me in
            me.trapExits { .exit($0) }
            let child = me.spawnLink(Int.self) { _ in throw Failure() }
            for await input in me.mailbox {
                switch input {
                case .work(let number): print(number)
                case .exit(let signal) where signal.from == child.pid:
                    print("the child ended: \(signal.reason)")
                    return continuation.resume(returning: signal.reason.kind)
                case .exit(let signal):
                    throw signal.reason
                }
            }
        }
        // end
    }
}

func flush(_ worker: PID) async -> Bool {
    await withCheckedContinuation { continuation in
        // guide: demonitor
        Process<Down>.spawn { me in
            let reference = me.monitor(worker) { $0 }
            worker.exit(.kill)
            me.demonitor(reference, flush: true)
            let none = await me.receive(timeout: .zero)
            continuation.resume(returning: none == nil)
        }
        // end
    }
}
