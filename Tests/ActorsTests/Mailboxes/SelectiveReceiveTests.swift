import HansomTesting
import Testing

@testable import Actors

@Suite(.ownThread, .timeLimit(.minutes(1))) struct SelectiveReceiveTests {
    let world = World()
    let got = Probe<Int?>()

    @Test func `what is not wanted stays, in order (P13)`() {
        world.play {
            let process = Process<Int>.spawn { me in
                got.record(await me.receive { $0 == 5 })
                got.record(await me.receive { $0 > 2 })
                for _ in 0..<4 { got.record(await me.receive()) }
            }
            for number in 1...6 { process.send(number) }
        }
        #expect(got.values == [5, 3, 1, 2, 4, 6])
    }

    @Test func `it waits until what it wants comes, and looks at each message twice at most (P13)`() {
        let looked = Probe<Int>()
        let process = world.spawn(Int.self) { me in
            got.record(
                await me.receive { number in
                    looked.record(number)
                    return number == 3
                })
            got.record(await me.receive())
        }
        world.play { process.send(1) }
        world.play { process.send(2) }
        #expect(got.values == [] && looked.values == [1, 2])
        world.play { process.send(3) }
        #expect(got.values == [3, 1])
        #expect(looked.values == [1, 2, 3, 1, 2, 3])
    }

    @Test func `it can make something of what it takes (P13)`() {
        let texts = Probe<String?>()
        let process = world.spawn(Int.self) { me in
            texts.record(await me.receive(matching: { $0 % 2 == 0 ? "even \($0)" : nil }))
            texts.record(await me.receive(timeout: .seconds(1), matching: { $0 > 9 ? "big" : nil }))
            got.record(await me.receive())
        }
        world.play { for number in [1, 3, 4] { process.send(number) } }
        world.advance(by: .seconds(1))
        #expect(texts.values == ["even 4", nil])
        #expect(got.values == [1])
    }

    @Test func `its time counts from its beginning, whatever else comes (P13)`() {
        let process = world.spawn(Int.self) { me in
            got.record(await me.receive(timeout: .seconds(10)) { $0 == 0 })
            got.record(await me.receive(timeout: .zero) { $0 == 0 })
            got.record(await me.receive(timeout: .zero) { $0 == 2 })
            got.record(await me.receive(timeout: .seconds(10)) { $0 == 0 })
        }
        for number in 1...3 {
            world.advance(by: .seconds(3))
            world.play { process.send(number) }
        }
        #expect(got.values == [] && world.scheduler.alarmCount == 1)
        world.advance(by: .seconds(1))
        #expect(got.values == [nil, nil, 2])
        world.play { process.send(0) }
        #expect(got.values == [nil, nil, 2, 0])
        #expect(world.scheduler.alarmCount == 0)
    }

    @Test func `the end of the process ends it (P4, P13)`() {
        let process = world.spawn(Int.self) { me in
            got.record(await me.receive { $0 == 0 })
            got.record(await me.receive(timeout: .seconds(1)) { $0 == 0 })
        }
        world.play {
            process.send(1)
            process.exit(.shutdown)
        }
        #expect(got.values == [nil, nil])
        #expect(world.scheduler.alarmCount == 0)
    }

    @Test func `a plain receive after it is plain again (P13)`() {
        let process = world.spawn(Int.self) { me in
            _ = await me.receive { $0 == 1 }
            got.record(nil)
            for await number in me.mailbox { got.record(number) }
        }
        world.play { for number in [0, 1] { process.send(number) } }
        #expect(world.driven.run { process.onOwnThread { $0.isPlain } })
        world.play { process.send(2) }
        #expect(got.values == [nil, 0, 2])
        world.end()
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func `any mix of receives takes what a list would give (P13)`(
        seed: UInt64
    ) {
        var random = SplitMix(seed: seed)
        var model = (0..<40).map { _ in Int.random(in: 0..<5, using: &random) }
        let wants = (0..<30).map { _ in Int.random(in: -1..<6, using: &random) }
        let sent = model
        world.play {
            let process = Process<Int>.spawn { me in
                for want in wants {
                    got.record(want < 0 ? await me.receive() : await me.receive(timeout: .zero) { $0 == want })
                }
            }
            for number in sent { process.send(number) }
        }
        for (index, want) in wants.enumerated() {
            let place = want < 0 ? model.indices.first : model.firstIndex(of: want)
            #expect(got.values[index] == place.map { model.remove(at: $0) })
        }
    }
}
