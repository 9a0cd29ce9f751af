import HansomTesting
import SocketTesting
import Testing
import WSClient

@testable import WSTopics

/// Once for all: encoding, order, fairness, bounds.
@Suite(.timeLimit(.minutes(1))) struct PublishingTests {
    @Test func `for a hundred members a message is encoded once (S10, P10)`() async throws {
        try await TopicScene.run(schedulers: 2) { scene in
            let topics = Topics()
            let members = await scene.members(100)
            for member in members { try await member.subscribe(topics, to: "x") }
            for size in [5, 2_000, 20_000] {
                let before = topics.statistics
                let text = String(repeating: "e", count: size)
                let delivery = await topics.publish(.text(text), to: "x", waiting: .zero)
                #expect(delivery == .init(delivered: 100))
                #expect(topics.statistics.encodings - before.encodings == 1)
                for member in members { #expect(try await member.next() == text) }
            }
            #expect(topics.directory.counters.pending == 0)
        }
    }

    @Test func `a message that is only shown is published as any other, encoded once (S10, W21)`() async throws {
        try await TopicScene.run { scene in
            let topics = Topics()
            let members = await scene.members(3)
            let publisher = await scene.member()
            await publisher.ws.setMessageViewHandler { ws, message in
                topics.publish(message, to: "x", except: ws)
                topics.publish(message, to: "nobody's")
            }
            for member in members + [publisher] { try await member.subscribe(topics, to: "x") }
            for size in [0, 5, 2_000] {
                let before = topics.statistics
                let text = String(repeating: "v", count: size)
                let bytes = EncodedFrames.masked(text)
                try await publisher.peer.send(bytes)
                for member in members { #expect(try await member.next() == text) }
                #expect(topics.statistics.encodings - before.encodings == 1)
                #expect(topics.statistics.published - before.published == 2)
                #expect(topics.statistics.delivered - before.delivered == 3)
            }
            #expect(topics.directory.counters.pending == 0)
        }
    }

    /// Text frames as a client sends them.
    private enum EncodedFrames {
        static func masked(_ text: String) -> [UInt8] {
            let count = text.utf8.count
            let length = count < 126 ? [0x80 | UInt8(count)] : [0xFE, UInt8(count >> 8), UInt8(count & 0xFF)]
            return [0x81] + length + [1, 2, 3, 4] + text.utf8.enumerated().map { $1 ^ UInt8($0 % 4 + 1) }
        }
    }

    @Test func `what one publisher publishes arrives in its order, at every member and on every topic (S10)`()
        async throws
    {
        try await TopicScene.run(schedulers: 2) { scene in
            let topics = Topics()
            let members = await scene.members(4)
            for member in members { try await member.subscribe(topics, to: "x", "y") }
            let publishers = (0..<3).map { publisher in
                // They move between threads: from the global pool to one scheduler, to the other, and back.
                Task.detached {
                    for number in 0..<30 {
                        topics.publish(.text("\(publisher).\(number)"), to: number.isMultiple(of: 2) ? "x" : "y")
                        let elsewhere = members[number % 4].ws
                        if number % 5 == 0 { await Self.publish("\(publisher).\(number)+", topics, as: elsewhere) }
                    }
                }
            }
            for publisher in publishers { await publisher.value }
            var expected: [[String]] = []
            for publisher in 0..<3 {
                expected.append(
                    (0..<30).flatMap { ["\(publisher).\($0)"] + ($0 % 5 == 0 ? ["\(publisher).\($0)+"] : []) })
            }
            for member in members {
                let got = try await member.next(3 * 36).compactMap(\.self)
                for publisher in 0..<3 { #expect(got.filter { $0.hasPrefix("\(publisher).") } == expected[publisher]) }
            }
        }
    }

    private static func publish(_ text: String, _ topics: Topics, as ws: isolated WebSocket) {
        topics.publish(.text(text), to: "y")
    }

    @Test func `many members have their turn in slices, and who joins or leaves meanwhile is treated right (S10)`()
        async throws
    {
        try await TopicScene.run { scene in
            let topics = Topics()
            let members = await scene.members(600)
            let newcomer = await scene.member()
            for member in members { try await member.subscribe(topics, to: "x") }
            let (sent, leaver) = await Self.inOneJob(newcomer.ws) { newcomer in
                topics.publish(.text("1"), to: "x")
                let sent = members.count { $0.ws.onOwnThread { $0.bufferedBytes } > 0 }
                topics.publish(.text("2"), to: "x")
                _ = try? topics.subscribe(newcomer, to: "x")
                let leaver = members.lastIndex { $0.ws.onOwnThread { $0.bufferedBytes } == 0 } ?? 0
                members[leaver].ws.onOwnThread { _ = topics.unsubscribe($0, from: "x") }
                return (sent, leaver)
            }
            #expect(sent == TopicHub.membersPerTurn)
            await topics.publish(.text("3"), to: "x", waiting: .zero)
            for (index, member) in members.enumerated() where index != leaver {
                #expect(try await member.next(3) == ["1", "2", "3"])
            }
            #expect(await members[leaver].ws.counters.framesSent == 0)
            // It joined when the second had been published, though before its turn had come.
            #expect(try await newcomer.next() == "3")
            #expect(topics.directory.counters.pending == 0)
        }
    }

    /// Runs `body` on the connection's scheduler, with nothing in between.
    private static func inOneJob<R: Sendable>(
        _ ws: isolated WebSocket, _ body: @Sendable (isolated WebSocket) -> R
    ) -> R { body(ws) }

    @Test func `more than may be on its way is refused, and there is room again when it has arrived (S10)`()
        async throws
    {
        try await TopicScene.run { scene in
            var options = Topics.Options()
            options.pendingBytes = 3_000
            let topics = Topics(options: options)
            let members = await scene.members(300)
            for member in members { try await member.subscribe(topics, to: "x") }
            let taken = await Self.inOneJob(members[0].ws) { _ in
                // Each counts for its payload and 1 KiB; all members have their turn in two turns only.
                [100, 100, 1_000, 100].map { topics.publish(.text(String(repeating: "x", count: $0)), to: "x") }
            }
            #expect(taken == [true, true, false, false])
            #expect(topics.statistics.refused == 2)
            await scene.until("all have it") { topics.directory.counters.pending == 0 }
            let large = String(repeating: "x", count: 10_000)
            #expect(topics.publish(.text(large), to: "x"))
            for member in members { #expect(try await member.next(3).last == large) }
        }
    }
}
