import Actors
import HansomTesting
import Testing
import WSConnection
import WSTopics

/// Schedulers whose time stands still, connections over pipes, and topics, for one test.
struct TopicScene: Sendable {
    let time: ManualTime
    let group: SchedulerGroup

    /// A connection that may subscribe, and the peer that reads what it gets, or does not.
    struct Member: Sendable {
        let ws: WebSocket
        let peer: RawPeer

        /// The next message as the peer receives it, without compression; `nil` at the end.
        func next() async throws -> String? {
            let start = try await peer.receive(2)
            guard start.count == 2, start[0] == 0x81 || start[0] == 0x88 else { return nil }
            var count = Int(start[1])
            if count == 126 { count = try await peer.receive(2).reduce(0) { $0 << 8 | Int($1) } }
            let payload = try await peer.receive(count)
            guard start[0] == 0x88 else { return String(decoding: payload, as: UTF8.self) }
            return "close \(payload.prefix(2).reduce(0) { $0 << 8 | Int($1) })"
        }

        func next(_ count: Int) async throws -> [String?] {
            var all: [String?] = []
            for _ in 0..<count { all.append(try await next()) }
            return all
        }

        func subscribe(_ topics: Topics, to names: String...) async throws {
            for name in names { try await topics.subscribe(ws, to: name) }
        }
    }

    /// Runs a test.
    static func run(schedulers: Int = 1, _ body: (TopicScene) async throws -> Void) async throws {
        let time = ManualTime()
        let options = SchedulerGroup.Options(count: schedulers, time: time, system: .init { _ in })
        let scene = TopicScene(time: time, group: try SchedulerGroup(options: options))
        let result: Result<Void, any Error>
        do {
            // The test itself runs on the scheduler, so that what happens in which order is always the same.
            try await withTaskExecutorPreference(scene.group.schedulers[0]) { try await body(scene) }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await scene.end()
        try result.get()
    }

    /// A server's end of a pipe.
    ///
    /// - Parameters:
    ///   - capacity: the bytes that the pipe takes from one whose peer does not read.
    ///   - highWater: the bytes that may then wait before it has no room.
    func member(capacity: Int = 64 << 10, highWater: Int = 64 << 10) async -> Member {
        var limits = WebSocket.Limits()
        (limits.outboundHighWater, limits.outboundLowWater) = (highWater, highWater / 2)
        let (ws, peer) = await RawPeer.connect(on: group, limits: limits, capacity: capacity)
        // Connecting takes two schedulers: the next one begins with the other.
        if group.schedulers.count.isMultiple(of: 2) { _ = group.next() }
        return Member(ws: ws, peer: peer)
    }

    func members(_ count: Int) async -> [Member] {
        var members: [Member] = []
        for _ in 0..<count { members.append(await member()) }
        return members
    }

    /// A connection whose peer reads nothing, and that has no room for a message of 100 bytes.
    func stalled() async -> Member {
        let stalled = await member(capacity: 128, highWater: 1_000)
        while await stalled.ws.trySend(.text(filler)) == .sent { await settle() }
        return stalled
    }

    /// What fills a stalled connection.
    let filler = String(repeating: "f", count: 100)

    /// How often the filler arrives before what is published later.
    func pastFiller(_ member: Member) async throws -> String? {
        while let text = try await member.next() {
            if text != filler { return text }
        }
        return nil
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

    func pass(_ duration: Duration) async {
        await settle()
        time.advance(by: duration)
        await settle()
    }

    /// Waits, letting others run, until something is so.
    func until(_ what: Comment, sourceLocation: SourceLocation = #_sourceLocation, _ isSo: () -> Bool) async {
        for _ in 0..<20_000 {
            if isSo() { return }
            await settle()
        }
        Issue.record(what, sourceLocation: sourceLocation)
    }

    private func end() async {
        let ending = Task { await group.shutdown(grace: .seconds(1)) }
        await pass(.seconds(60))
        await ending.value
    }
}

extension TopicScene {
    func alarmCount() async -> Int {
        var total = 0
        for scheduler in group.schedulers { total += await scheduler.ask { $0.alarmCount } }
        return total
    }
}
