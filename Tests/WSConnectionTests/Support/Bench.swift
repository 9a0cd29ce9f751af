import Actors
import HansomTesting
import HansomTransport
import Testing
import WSConnection

/// Schedulers whose time stands still, for one test; afterwards nothing may be left on them (W20).
struct Bench: Sendable {
    let time: ManualTime
    let group: SchedulerGroup

    /// Runs a test.
    ///
    /// - Parameter schedulers: how many; with one, both ends of a pipe share a thread, and `settle` is exact.
    static func run(
        schedulers: Int = 1, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: (Bench) async throws -> Void
    ) async throws {
        let time = ManualTime()
        let bench = Bench(time: time, group: try SchedulerGroup(options: .init(count: schedulers, time: time)))
        do {
            // The test itself runs on the scheduler, so that what happens in which order is always the same.
            try await withTaskExecutorPreference(bench.group.schedulers[0]) { try await body(bench) }
        } catch {
            await bench.end()
            throw error
        }
        await bench.expectNothingLeft(sourceLocation)
        await bench.end()
    }

    /// A connection under test and a scripted peer.
    func connect(
        isServer: Bool = true, limits: WebSocket.Limits = .init(), recvTimeout: Duration? = nil,
        closeTimeout: Duration = .seconds(10), leftover: [UInt8] = [], capacity: Int = 64 << 10
    ) async -> (WebSocket, RawPeer) {
        let (connection, peer) = await RawPeer.connect(
            on: group, isServer: isServer, limits: limits, closeTimeout: closeTimeout, recvTimeout: recvTimeout,
            leftover: leftover, capacity: capacity)
        return (connection, peer)
    }

    /// A connection that has deadlines, and a scripted peer.
    func connect(
        isServer: Bool = true, _ timing: Timing, limits: WebSocket.Limits = .init(), capacity: Int = 64 << 10
    ) async -> (WebSocket, RawPeer) {
        let options = ConnectionOptions(limits: limits, timing: timing)
        let (connection, peer) = await RawPeer.connect(on: group, isServer: isServer, options, capacity: capacity)
        return (connection, peer)
    }

    /// A client and a server, connected.
    func pair(capacity: Int = 64 << 10) async -> WebSocketPair {
        await WebSocketPair.connect(on: group, capacity: capacity)
    }

    /// A task that runs on the first scheduler, as the test does.
    func task<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) -> Task<Value, any Error> {
        Task(executorPreference: group.schedulers[0]) { try await body() }
    }

    func task<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) -> Task<Value, Never> {
        Task(executorPreference: group.schedulers[0]) { await body() }
    }

    /// Lets everything run that can run without time moving on.
    func settle() async {
        for _ in 0..<24 {
            for scheduler in group.schedulers {
                await withCheckedContinuation { turn in scheduler.runLater { turn.resume() } }
            }
        }
    }

    /// Lets all run that has its time already, moves time on, and lets what then rings run to its end.
    func pass(_ duration: Duration) async {
        await settle()
        time.advance(by: duration)
        await settle()
    }

    /// Waits, letting others run, until something is so.
    func until(
        _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation, _ isSo: () async -> Bool
    ) async {
        for _ in 0..<20_000 {
            if await isSo() { return }
            await settle()
        }
        Issue.record(what, sourceLocation: sourceLocation)
    }

    func alarmCount() async -> Int {
        var total = 0
        for scheduler in group.schedulers { total += await scheduler.ask { $0.alarmCount } }
        return total
    }

    func watchCount() async -> Int {
        var total = 0
        for scheduler in group.schedulers { total += await scheduler.ask { $0.watchCount } }
        return total
    }

    /// Every process has ended, and no timer or watched descriptor is left (W20).
    func expectNothingLeft(_ sourceLocation: SourceLocation = #_sourceLocation) async {
        await untilInTime("processes are left", sourceLocation) { await group.processCount() == 0 }
        await untilInTime("alarms are left", sourceLocation) { await alarmCount() == 0 }
        await untilInTime("watches are left", sourceLocation) { await watchCount() == 0 }
    }

    /// As `until`, while time moves on: what another thread let go of a moment ago lingers until its deadline.
    private func untilInTime(_ what: Comment, _ sourceLocation: SourceLocation, _ isSo: () async -> Bool) async {
        for _ in 0..<5_000 {
            await pass(.seconds(60))
            if await isSo() { return }
        }
        Issue.record(what, sourceLocation: sourceLocation)
    }

    /// Ends the schedulers; deadlines pass meanwhile.
    private func end() async {
        let ending = Task {
            await group.shutdown(grace: .seconds(1))
        }
        await pass(.seconds(60))
        await ending.value
    }
}

/// What several tasks write down, in the order in which they do.
actor Notes<Note: Sendable> {
    private(set) var all: [Note] = []

    func add(_ note: Note) { all.append(note) }
}

/// What `body` throws, which must be a `WebSocketError`.
func failure(
    sourceLocation: SourceLocation = #_sourceLocation, of body: () async throws -> some Any
) async -> WebSocketError? {
    do {
        _ = try await body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
        return nil
    } catch let error as WebSocketError {
        return error
    } catch {
        Issue.record("thrown was \(error)", sourceLocation: sourceLocation)
        return nil
    }
}

/// Cancels the task that calls it.
func cancelThisTask() {
    unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
}
