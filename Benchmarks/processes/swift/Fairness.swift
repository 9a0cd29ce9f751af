import Actors

/// A ticker of 5 ms beside a process that has 100,000 messages to handle, of 20 us each: how late the ticks are. All on
/// one scheduler.
struct Backlog: Measure {
    private let messages = 100_000
    private let each = Duration.microseconds(20)

    func figures(_ bench: Bench) async throws -> [Figure] {
        let here = bench.schedulers[0]
        let consumer = Process<Int>.spawn(on: here) { [each] me in
            while await me.receive() != nil { spin(each) }
        }
        let lateness = try await run(on: here) { (me: isolated Process<Int>) in
            for number in 0..<messages { consumer.send(number) }
            // It is not halfway through by then.
            return await tick(me, for: each * messages / 2)
        }
        consumer.exit(.kill)
        return lateness.figures("ticker beside a backlog")
    }
}

/// The same ticker beside eight processes that pass messages back and forth with eight others all the time.
struct Ticker: Measure {
    private let pairs = 8

    func figures(_ bench: Bench) async throws -> [Figure] {
        let here = bench.schedulers[0]
        let players = (0..<pairs).flatMap { _ -> [Process<Ball>] in
            let players = (0..<2).map { _ in player(on: here) }
            players[0].send(Ball(from: players[1].address))
            return players
        }
        let lateness = try await run(on: here) { (me: isolated Process<Int>) in
            await tick(me, for: .seconds(bench.seconds + 0.5))
        }
        for player in players { player.exit(.kill) }
        return lateness.figures("ticker beside ping-pong")
    }

    private struct Ball: Sendable {
        let from: Address<Ball>
    }

    private func player(on scheduler: Scheduler) -> Process<Ball> {
        Process.spawn(on: scheduler) { me in
            while let ball = await me.receive() { ball.from.send(Ball(from: me.address)) }
        }
    }
}

/// The neighbours of a process that always finds a message, its own: how long a question and its answer take.
struct Neighbour: Measure {
    private let questions = 200

    func figures(_ bench: Bench) async throws -> [Figure] {
        let here = bench.schedulers[0]
        let busy = Process<Int>.spawn(on: here) { me in
            for await message in me.mailbox { me.send(message) }
        }
        let times = try await run(on: here) { (me: isolated Process<Int>) in
            let answerer = Process<Int>.spawn(on: here) { [asker = me] me in
                while let message = await me.receive() { asker.send(message) }
            }
            busy.send(0)
            var times = Spread()
            for number in 0..<questions {
                let begin = ContinuousClock.now
                answerer.send(number)
                _ = await me.receive()
                times.add(.now - begin)
            }
            answerer.exit(.kill)
            return times
        }
        busy.exit(.kill)
        return times.figures("neighbour of a busy mailbox")
    }
}

/// Times of which the median and the worst are told.
struct Spread: Sendable {
    private var times: [Double] = []

    mutating func add(_ time: Duration) { times.append(time / .nanoseconds(1)) }

    func figures(_ name: String) -> [Figure] {
        let sorted = times.sorted()
        return [
            Figure(name: "\(name): median", value: sorted[sorted.count / 2]),
            Figure(name: "\(name): worst", value: sorted[sorted.count - 1]),
        ]
    }
}

/// Sets a timer every 5 ms, and takes how late each message comes. A tick whose time has passed meanwhile is left out.
func tick(_ me: isolated Process<Int>, for time: Duration) async -> Spread {
    let interval = Duration.milliseconds(5)
    var lateness = Spread()
    let begin = ContinuousClock.now
    var due = begin + interval
    while due < begin + time {
        _ = me.sendAfter(due - .now, 0)
        _ = await me.receive()
        let now = ContinuousClock.now
        lateness.add(now - due)
        while due <= now { due += interval }
    }
    return lateness
}

/// Works for so long, and does not suspend.
func spin(_ time: Duration) {
    let end = ContinuousClock.now + time
    while ContinuousClock.now < end {}
}
