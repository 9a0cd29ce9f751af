import Actors

/// Calls with a timeout of 100 ms to a server that is busy for seconds: how long until the caller is told. The caller is
/// a process on another scheduler, or where there is but one a task on none: on the server's own it could not run.
struct BusyCall: Measure {
    private let calls = 10

    func figures(_ bench: Bench) async throws -> [Figure] {
        let server = try await run(on: bench.schedulers[0]) { (_: isolated Process<Never>) in
            try await Worker().started()
        }
        server.cast(.work(.seconds(3)))
        let times =
            if bench.schedulers.count > 1 {
                try await run(on: bench.schedulers[1]) { (_: isolated Process<Never>) in try await ask(server) }
            } else {
                try await ask(server)
            }
        return times.figures("timeout of 100 ms, busy server")
    }

    private func ask(_ server: ServerProcess<Worker>) async throws -> Spread {
        var times = Spread()
        for _ in 0..<calls {
            let begin = ContinuousClock.now
            do {
                _ = try await server.call(timeout: .milliseconds(100)) { .ask($0) }
                throw Unexpected.answer
            } catch let error as CallError where error.code == .timeout {
                times.add(.now - begin)
            }
        }
        return times
    }

    private enum Unexpected: Error { case answer }
}

/// Works when it is told to.
private struct Worker: Server {
    enum Call: Sendable {
        case ask(Reply<Int>)
    }

    enum Cast: Sendable {
        case work(Duration)
    }

    mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
        switch call {
        case .ask(let reply): reply(0)
        }
        return .receive
    }

    mutating func handle(cast: Cast, _ me: isolated Me) async throws -> Next {
        switch cast {
        case .work(let time): spin(time)
        }
        return .receive
    }
}

/// The downs of twenty thousand monitored processes that were killed wait in a mailbox, and are taken with a timeout
/// each: nanoseconds for one.
struct Downs: Measure {
    private let count = 20_000

    private enum Message: Sendable {
        case down(Down)
        case begin
    }

    func figures(_ bench: Bench) async throws -> [Figure] {
        let sample = try await run(on: bench.schedulers[0]) { (me: isolated Process<Message>) in
            await kill(count, me, on: bench.schedulers)
            let begin = ContinuousClock.now
            var taken = 0
            while taken < count, await me.receive(timeout: .seconds(5)) != nil { taken += 1 }
            precondition(taken == count, "\(taken) of \(count) downs came")
            return Sample(operations: count, since: begin)
        }
        return [Figure(name: "down taken with a timeout", value: sample.nanosecondsEach)]
    }

    /// All have ended when this returns, and the downs have come.
    private func kill(_ count: Int, _ me: isolated Process<Message>, on schedulers: [Scheduler]) async {
        let processes = (0..<count).map { number in
            Process<Int>.spawn(on: schedulers[number % schedulers.count]) { me in _ = await me.receive() }
        }
        for process in processes { me.monitor(process.pid) { .down($0) } }
        for process in processes { process.exit(.kill) }
        _ = me.sendAfter(.milliseconds(500), .begin)
        _ = await me.receive { if case .begin = $0 { true } else { false } }
    }
}
