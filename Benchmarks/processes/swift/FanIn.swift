import Actors

/// Eight senders, one receiver: nanoseconds for a message. On several schedulers the senders are spread over them.
///
/// Each sends a burst of a thousand and waits until the receiver has them all: the mailbox never holds more than 8,000.
struct FanIn: Workload {
    let name = "fan-in"
    private let senders = 8
    private let burst = 1_000

    func sample(_ count: Int, on schedulers: [Scheduler]) async throws -> Sample {
        try await run(on: schedulers[0]) { me in
            let senders = (0..<senders).map { sender(to: me, on: schedulers[$0 % schedulers.count]) }
            await round(me, senders)
            let rounds = max(1, count / (burst * senders.count))
            let begin = ContinuousClock.now
            for _ in 0..<rounds { await round(me, senders) }
            let sample = Sample(operations: rounds * burst * senders.count, since: begin)
            for sender in senders { sender.exit(.shutdown) }
            return sample
        }
    }

    private func round(_ me: isolated Process<Int>, _ senders: [Process<Int>]) async {
        for sender in senders { sender.send(burst) }
        for _ in 0..<burst * senders.count { _ = await me.receive() }
    }

    private func sender(to receiver: Process<Int>, on scheduler: Scheduler) -> Process<Int> {
        Process.spawn(on: scheduler) { me in
            while let burst = await me.receive() {
                for number in 1...burst { receiver.send(number) }
            }
        }
    }
}
