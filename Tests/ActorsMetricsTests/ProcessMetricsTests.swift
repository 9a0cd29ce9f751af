import Actors
import ActorsMetrics
import CoreMetrics
import Dispatch
import HansomTesting
import MetricsTestKit
import Testing

/// What a metrics back end is told of processes and schedulers.
@Suite(.timeLimit(.minutes(2))) struct ProcessMetricsTests {
    private let metrics = TestMetrics()
    private let time = ManualTime()

    /// A group whose time the test moves, and which is reported every 10 s of that.
    private func withGroup(
        count: Int = 2, time: (any TimeSource)? = nil, every interval: Duration = .seconds(10), sampling: Int? = 1,
        _ body: (SchedulerGroup) async throws -> Void
    ) async throws {
        let system = SystemSettings(longJob: .milliseconds(50)) { _ in }
        let group = try SchedulerGroup(options: .init(count: count, time: time ?? self.time, system: system))
        let reporting = group.reportMetrics(every: interval, sampling: sampling, longestMailboxes: 2, to: metrics)
        #expect(reporting != nil)
        let result: Result<Void, any Error>
        do { result = .success(try await body(group)) } catch { result = .failure(error) }
        await group.shutdown(grace: .seconds(5))
        try result.get()
    }

    /// Lets time pass until the back end was told what is expected.
    private func report(_ isTold: () -> Bool) async {
        for _ in 0..<2_000 where !isTold() {
            time.advance(by: .seconds(10))
            try? await Task.sleep(for: .milliseconds(5))
        }
        #expect(isTold())
    }

    private func meter(_ name: String, _ labels: [(String, String)] = []) -> Double? {
        (try? metrics.expectMeter(name, labels))?.lastValue
    }

    private func counter(_ name: String, _ labels: [(String, String)] = []) -> Int64 {
        (try? metrics.expectCounter(name, labels))?.totalValue ?? 0
    }

    private func timer(_ name: String) -> [Int64] { (try? metrics.expectTimer(name))?.values ?? [] }

    /// Waits until something is so, for a bounded time.
    private func wait(until isSo: () -> Bool) async {
        for _ in 0..<4_000 where !isSo() { try? await Task.sleep(for: .milliseconds(5)) }
        #expect(isSo())
    }

    @Test func `processes that live, were started and have ended, by why (P38)`() async throws {
        try await withGroup { group in
            let first = group.schedulers[0]
            let idle = (0..<3).map { _ in Process<Int>.spawn(on: first) { for await _ in $0.mailbox {} } }
            await report { meter("hansom_processes", [("scheduler", "0")]) == 3 }
            #expect(meter("hansom_processes", [("scheduler", "1")]) == 0)
            idle[0].exit(.shutdown)
            idle[1].exit(.kill)
            for process in idle.prefix(2) { _ = try await process.down() }
            _ = try await Process<Int>.spawn(on: first) { _ in throw Refused() }.down()
            _ = try await Process<Int>.spawn(on: first) { _ in }.down()
            await report { counter("hansom_processes_spawned") == 5 }
            for reason in ["shutdown", "killed", "error", "normal"] {
                #expect(counter("hansom_processes_ended", [("reason", reason)]) == 1, "\(reason)")
            }
            #expect(counter("hansom_process_crashes") == 1 && meter("hansom_processes", [("scheduler", "0")]) == 1)
        }
        // The end of the group is reported too.
        await report { counter("hansom_processes_ended", [("reason", "shutdown")]) == 2 }
        #expect(meter("hansom_processes", [("scheduler", "0")]) == 0)
    }

    @Test func `restarts and give-ups by supervisor, by its name, its label or neither (P38)`() async throws {
        try await withGroup { group in
            let supervisor = try await Supervisor(maxRestarts: 3) {
                Child("worker") {
                    Process<Int>.spawn { me in
                        _ = await me.receive()
                        throw Refused()
                    }
                }
            }.start(on: group.schedulers[0])
            try Registry.register(supervisor.pid, as: "P38 pool")
            for attempt in 1...4 {
                let before = try await supervisor.children().first?.pid
                before?.address(as: Int.self)?.send(attempt)
                _ = try await before?.down()
            }
            _ = try await supervisor.pid.down()
            await report { counter("hansom_supervisor_give_ups", [("supervisor", "P38 pool")]) == 1 }
            #expect(counter("hansom_supervisor_restarts", [("supervisor", "P38 pool")]) == 3)
            #expect(counter("hansom_process_crashes") == 4)
        }
    }

    @Test func `mailboxes in all, the longest, and those that are long by name, as long as they are (P38)`()
        async throws
    {
        try await withGroup { group in
            let processes = [("a", 150), ("b", 120), ("c", 130), ("d", 99)].map { label, count in
                let process = Process<Int>.spawn(on: group.next(), label: label) { for await _ in $0.mailbox {} }
                process.pid.suspend()
                for number in 0..<count { process.send(number) }
                return process
            }
            await report { meter("hansom_mailbox_messages") == 499 }
            #expect(meter("hansom_mailbox_messages_max") == 150)
            #expect(meter("hansom_mailbox_length", [("process", "a")]) == 150)
            #expect(meter("hansom_mailbox_length", [("process", "c")]) == 130)
            #expect(meter("hansom_mailbox_length", [("process", "b")]) == nil, "two are named")
            processes[0].pid.resume()
            await report { meter("hansom_mailbox_length", [("process", "b")]) == 120 }
            #expect(meter("hansom_mailbox_length", [("process", "a")]) == nil, "its meter is gone")
            #expect(meter("hansom_mailbox_messages_max") == 130)
        }
    }

    @Test func `how long messages wait, and bodies handle them (P38)`() async throws {
        try await withGroup(count: 1) { [time] group in
            let process = Process<Reply<Void>>.spawn(on: group.schedulers[0]) { me in
                for await reply in me.mailbox {
                    time.advance(by: .milliseconds(20))
                    reply()
                }
            }
            // When the second is answered the first has been handled: until then nobody else moves the time.
            for _ in 0..<2 { try await process.call(timeout: nil) { $0 } }
            await report { timer("hansom_message_handling").first == 20_000_000 }
            await report { !timer("hansom_mailbox_wait").isEmpty }
        }
    }

    @Test func `nothing is measured of messages where nobody asks for it (P38)`() async throws {
        try await withGroup(count: 1, sampling: nil) { group in
            let process = Process<Int>.spawn(on: group.schedulers[0]) { for await _ in $0.mailbox {} }
            for number in 0..<100 { process.send(number) }
            await report { counter("hansom_processes_spawned") == 1 }
            process.exit(.shutdown)
            await report { counter("hansom_processes_ended", [("reason", "shutdown")]) == 1 }
            #expect(timer("hansom_message_handling").isEmpty && timer("hansom_mailbox_wait").isEmpty)
        }
    }

    @Test func `a group is reported once however often it is asked for, and again when that was stopped (P38)`()
        async throws
    {
        let group = try SchedulerGroup(options: .init(count: 1, time: time))
        let reporting = try #require(group.reportMetrics(to: metrics))
        #expect(group.reportMetrics(to: metrics) == nil)
        _ = try await Process<Int>.spawn(on: group.schedulers[0]) { _ in }.down()
        await reporting.stop()
        #expect(counter("hansom_processes_ended", [("reason", "normal")]) == 1, "it reports once more")
        let again = try #require(group.reportMetrics(to: metrics))
        await again.stop()
        await group.shutdown()
        #expect(group.reportMetrics(to: metrics) == nil)
    }

    @Test func `a group that is dropped ends although it is reported (P27, P38)`() async throws {
        weak var scheduler: Scheduler?
        do {
            let group = try SchedulerGroup(options: .init(count: 1))
            scheduler = group.schedulers[0]
            group.reportMetrics(every: .seconds(3_600), to: metrics)
            _ = try await Process<Int>.spawn(on: group.schedulers[0]) { _ in }.down()
        }
        await wait { scheduler == nil }
        #expect(counter("hansom_processes_ended", [("reason", "normal")]) == 1)
    }

    @Test func `a scheduler that is held holds up no report, and is seen in it (P32, P38)`() async throws {
        try await withGroup(time: SystemTime.shared, every: .milliseconds(20)) { group in
            let gate = DispatchSemaphore(value: 0)
            defer { gate.signal() }
            // What holds the thread waits, or works, until the test has seen it, or has failed.
            let holder = Process<Int>.spawn(on: group.schedulers[0], label: "busy") { _ in
                let end = ContinuousClock.now + .seconds(60)
                while ContinuousClock.now < end, gate.wait(timeout: .now()) == .timedOut {}
            }
            let label = [("scheduler", "0")]
            await wait { meter("hansom_scheduler_held_seconds", label) ?? 0 > 0 && counter("hansom_long_jobs") > 0 }
            #expect(meter("hansom_scheduler_load", label) == 1 && counter("hansom_long_jobs") == 1)
            holder.exit(.kill)
            await wait { meter("hansom_zombies", label) == 1 }
            #expect(meter("hansom_zombies", [("scheduler", "1")]) == 0)
        }
    }
}

private struct Refused: Error {}
