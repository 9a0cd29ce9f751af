import HansomTesting
import SocketTesting
import Testing
import WSClient

@testable import WSTopics

/// Who gets what is published, and who no longer does.
@Suite(.timeLimit(.minutes(1))) struct SubscribingTests {
    @Test func `a message reaches every subscriber of its topic once, but not whom it came from (S10)`() async throws {
        try await TopicScene.run { scene in
            let topics = Topics()
            let (a, b, c) = (await scene.member(), await scene.member(), await scene.member())
            try await a.subscribe(topics, to: "x")
            try await b.subscribe(topics, to: "x", "y", "")
            try await c.subscribe(topics, to: "y")
            #expect(topics.publish(.text("to x"), to: "x", except: a.ws))
            #expect(topics.publish(.text("to y"), to: "y"))
            #expect(topics.publish(.text("to nobody"), to: "z"))
            #expect(topics.publish(.text("to the one without a name"), to: ""))
            #expect(topics.publish(.text("again to x"), to: "x"))
            #expect(try await a.next() == "again to x")
            #expect(try await b.next(4) == ["to x", "to y", "to the one without a name", "again to x"])
            #expect(try await c.next() == "to y")
            var expected = Topics.Statistics()
            (expected.topics, expected.members, expected.published, expected.delivered) = (3, 5, 5, 6)
            expected.encodings = 4
            #expect(topics.statistics == expected)
            #expect(topics.memberCount(of: "x") == 2)
            #expect(Set(await topics.members(of: "y")) == [b.ws.pid, c.ws.pid])
        }
    }

    @Test func `a subscription counts once and ends once (S10)`() async throws {
        try await TopicScene.run { scene in
            let topics = Topics()
            let member = await scene.member()
            #expect(try await topics.subscribe(member.ws, to: "x"))
            #expect(try await !topics.subscribe(member.ws, to: "x"))
            try await member.subscribe(topics, to: "y")
            #expect(await topics.topics(of: member.ws) == ["x", "y"])
            topics.publish(.text("1"), to: "x")
            #expect(await topics.unsubscribe(member.ws, from: "x"))
            #expect(await !topics.unsubscribe(member.ws, from: "x"))
            #expect(await !topics.unsubscribe(member.ws, from: "never"))
            topics.publish(.text("2"), to: "x")
            topics.publish(.text("3"), to: "y")
            #expect(try await member.next(2) == ["1", "3"])
            #expect(await topics.unsubscribe(member.ws, from: "y"))
            #expect(topics.statistics.topics == 0)
            #expect(topics.statistics.members == 0)
        }
    }

    @Test func `a connection has bounds on its topics and their names (S10)`() async throws {
        try await TopicScene.run { scene in
            var options = Topics.Options()
            (options.topicsPerConnection, options.nameBytes) = (2, 4)
            let topics = Topics(options: options)
            let member = await scene.member()
            try await member.subscribe(topics, to: "1", "öö")
            await #expect { try await topics.subscribe(member.ws, to: "3") } throws: {
                ($0 as? TopicError)?.code == .tooManyTopics
            }
            await #expect { try await topics.subscribe(member.ws, to: "öö.") } throws: {
                ($0 as? TopicError)?.code == .nameTooLong
            }
            // One that it has is none more.
            #expect(try await !topics.subscribe(member.ws, to: "1"))
            await topics.unsubscribe(member.ws, from: "1")
            try await member.subscribe(topics, to: "3")
            try await member.ws.beginClose()
            await #expect { try await topics.subscribe(member.ws, to: "1") } throws: {
                ($0 as? TopicError)?.code == .closed
            }
        }
    }

    @Test(arguments: [1, 2]) func `a connection that ends, however it does, leaves its topics (S10, P10)`(
        schedulers: Int
    ) async throws {
        try await TopicScene.run(schedulers: schedulers) { scene in
            let topics = Topics()
            var members = await scene.members(6)
            for member in members { try await member.subscribe(topics, to: "x", "y") }
            #expect(topics.statistics.members == 12)
            await members[0].peer.reset()
            await members[1].peer.close()
            members[2].ws.pid.exit(.kill)
            try await members[3].peer.send([0x88, 0x80, 0, 0, 0, 0])
            members.remove(at: 4)  // The last reference: the topics hold none.
            await scene.until("five have left") { topics.statistics.members == 2 }
            #expect(topics.statistics.topics == 2)
            topics.publish(.text("still here?"), to: "y")
            #expect(try await members[4].next() == "still here?")
            members.removeAll()
            await scene.until("all have left") { topics.statistics.topics == 0 }
            #expect(topics.statistics.members == 0)
        }
    }
}
