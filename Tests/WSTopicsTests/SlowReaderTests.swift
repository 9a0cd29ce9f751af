import HansomTesting
import Testing
import WSConnection

@testable import WSTopics

/// Readers that do not keep up: they get what the policy says, and nobody else notices.
@Suite(.timeLimit(.minutes(1))) struct SlowReaderTests {
    @Test func `a reader that stops misses messages, its memory is bounded, and the others get all (S10, T27)`()
        async throws
    {
        try await TopicScene.run { scene in
            let topics = Topics()
            let slow = await scene.member(capacity: 4_096)
            let others = await scene.members(3)
            for member in [slow] + others { try await member.subscribe(topics, to: "x") }
            for size in [1_000, 20_000] {
                for number in 0..<300 {
                    let text = "\(number) " + String(repeating: "x", count: size)
                    topics.publish(.text(text), to: "x")
                    for other in others { #expect(try await other.next() == text) }
                    // What may wait, and the message with which it was reached.
                    #expect(await slow.ws.bufferedBytes <= 64 << 10 + size + 20)
                }
            }
            let statistics = topics.statistics
            #expect(statistics.delivered + statistics.dropped == 4 * 600)
            #expect(statistics.dropped > 500)
            #expect(statistics.connectionsDropped == 0)
            // It has missed some, and gets what is published once it reads again.
            let got = try await slow.next(statistics.delivered - 3 * 600)
            #expect(got.first??.hasPrefix("0 ") == true)
            topics.publish(.text("fresh"), to: "x")
            #expect(try await slow.next() == "fresh")
        }
    }

    @Test func `or it is closed with 1013, gone within the close timeout, and the others get all (S10, T27)`()
        async throws
    {
        try await TopicScene.run { scene in
            var options = Topics.Options()
            options.slowReaders = .dropConnection
            let topics = Topics(options: options)
            let (slow, never) = (await scene.stalled(), await scene.stalled())
            let other = await scene.member()
            for member in [slow, never, other] { try await member.subscribe(topics, to: "x") }
            let delivery = await topics.publish(.text("1"), to: "x", waiting: .zero)
            #expect(delivery == .init(delivered: 1, connectionsDropped: 2))
            topics.publish(.text("2"), to: "x")
            #expect(try await other.next(2) == ["1", "2"])
            #expect(try await scene.pastFiller(slow) == "close 1013")
            try await slow.peer.send([0x88, 0x80, 0, 0, 0, 0])
            await scene.pass(.seconds(10))
            await scene.until("both have left") { topics.statistics.members == 1 }
            #expect(never.ws.state == .closed)
            #expect(topics.statistics.connectionsDropped == 2)
        }
    }

    @Test func `a publisher that waits goes on when there is room, and its message keeps its place (S10)`() async throws
    {
        try await TopicScene.run(schedulers: 2) { scene in
            let topics = Topics()
            let (slow, other) = (await scene.stalled(), await scene.member())
            for member in [slow, other] { try await member.subscribe(topics, to: "x") }
            let publishing = scene.task { await topics.publish(.text("1"), to: "x", waiting: .seconds(5)) }
            #expect(try await other.next() == "1")
            await scene.settle()
            let own = scene.task { try? await slow.ws.send(.text("own")) }
            await scene.settle()
            // Nobody else waits, and nothing is held up.
            #expect(await topics.publish(.text("2"), to: "x", waiting: .zero) == .init(delivered: 1, dropped: 1))
            #expect(try await other.next() == "2")
            #expect(try await scene.pastFiller(slow) == "1")
            #expect(try await slow.next() == "own")
            #expect(await publishing.value == .init(delivered: 2))
            #expect(await own.value == 3)
        }
    }

    @Test(arguments: [Topics.SlowReaders.dropMessage, .dropConnection])
    func `when its time is over the policy holds (S10)`(policy: Topics.SlowReaders) async throws {
        try await TopicScene.run { scene in
            let topics = Topics()
            let (slow, other) = (await scene.stalled(), await scene.member())
            for member in [slow, other] { try await member.subscribe(topics, to: "x") }
            let publishing = scene.task {
                await topics.publish(.text("1"), to: "x", slowReaders: policy, waiting: .seconds(5))
            }
            await scene.pass(.milliseconds(4_999))
            #expect(slow.ws.state == .open)
            #expect(topics.statistics.delivered == 0)  // Counted when it is through.
            await scene.pass(.milliseconds(1))
            switch policy {
            case .dropMessage: #expect(await publishing.value == .init(delivered: 1, dropped: 1))
            case .dropConnection: #expect(await publishing.value == .init(delivered: 1, connectionsDropped: 1))
            }
            #expect(slow.ws.isClosed == (policy == .dropConnection))
            #expect(await scene.alarmCount() == (policy == .dropConnection ? 1 : 0))  // The close deadline's.
            let reading = scene.task { try? await scene.pastFiller(slow) }
            await scene.settle()
            topics.publish(.text("2"), to: "x")
            #expect(await reading.value == (policy == .dropConnection ? "close 1013" : "2"))
        }
    }

    @Test func `cancelling a publisher ends its wait, and closes nobody (S10)`() async throws {
        try await TopicScene.run(schedulers: 2) { scene in
            let topics = Topics()
            let (slow, other) = (await scene.stalled(), await scene.member())
            for member in [slow, other] { try await member.subscribe(topics, to: "x") }
            for isCancelledFirst in [false, true] {
                let publishing = scene.task {
                    if isCancelledFirst { unsafe withUnsafeCurrentTask { unsafe $0?.cancel() } }
                    return await topics.publish(.text("1"), to: "x", slowReaders: .dropConnection, waiting: .seconds(5))
                }
                if !isCancelledFirst { await scene.settle() }
                publishing.cancel()
                #expect(await publishing.value == .init(delivered: 1, dropped: 1))
                #expect(try await other.next() == "1")
            }
            #expect(slow.ws.state == .open)
            #expect(await scene.alarmCount() == 0)
            #expect(topics.directory.counters.pending == 0)
        }
    }

    @Test func `a member that ends while it is waited for keeps nobody waiting (S10)`() async throws {
        try await TopicScene.run(schedulers: 2) { scene in
            let topics = Topics()
            var slow = [await scene.stalled(), await scene.stalled(), await scene.stalled(), await scene.stalled()]
            for member in slow { try await member.subscribe(topics, to: "x") }
            let publishing = scene.task { await topics.publish(.text("1"), to: "x", waiting: .seconds(5)) }
            await scene.settle()
            await slow[0].peer.reset()
            slow[1].ws.pid.exit(.kill)
            try await slow[2].ws.beginClose()
            slow.removeAll()  // The last reference to the fourth.
            #expect(await publishing.value == .init())
            #expect(topics.directory.counters.pending == 0)
        }
    }
}
