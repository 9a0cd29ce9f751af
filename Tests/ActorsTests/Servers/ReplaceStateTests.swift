import HansomTesting
import Testing

@testable import Actors

/// Changing what a server works with while it works (P21).
@Suite(.ownThread, .timeLimit(.minutes(1))) struct ReplaceStateTests {
    let world = World()
    let log = Probe<String>()

    private func started() -> ServerProcess<Scripted>? {
        world.ask(world.puppet()) { [log] _ in try await Scripted(log: log).started() }
    }

    @Test func `a state is replaced between two messages, also of a suspended server (P21)`() throws {
        let server = try #require(started())
        let told = Probe<String>()
        world.play { server.pid.suspend() }
        world.play { server.send(.text("one")) }
        let asker = world.spawn(Int.self) { _ in
            let log = told
            let answer = try await server.replaceState { server in
                server.onTerminate = { _ in log.record("replaced") }
                return 7
            }
            told.record("\(answer)")
        }
        world.wait { !asker.pid.isAlive }
        #expect(told.values == ["7"] && log.values == ["start"])
        world.play { server.pid.resume() }
        #expect(log.values == ["start", "one"])
        world.play { server.process.exit(.shutdown) }
        #expect(told.values == ["7", "replaced"])
        world.end()
    }

    @Test func `a change that throws changes nothing, and who asks one that has ended is told (P21)`() throws {
        let server = try #require(started())
        let told = Probe<String>()
        func ask() {
            let asker = world.spawn(Int.self) { [world] _ in
                do {
                    try await server.replaceState { server in
                        server.onTerminate = { _ in world.events.removeAll() }
                        throw Failure()
                    }
                } catch let error as CallError { told.record("\(error.code)") } catch { told.record("\(error)") }
            }
            world.wait { !asker.pid.isAlive }
        }
        ask()
        world.play { server.process.exit(.shutdown) }
        ask()
        #expect(told.values == ["failure", "noProcess"])
        world.end()
    }

    @Test func `a name that nobody has has no state to replace (P9, P21)`() {
        let told = Probe<String>()
        let asker = world.spawn(Int.self) { _ in
            do {
                try await ServerAddress<Scripted>(named: "nobody replaces").replaceState { _ in }
            } catch { told.record("\((error as? CallError)?.code.description ?? "\(error)")") }
        }
        world.wait { !asker.pid.isAlive }
        #expect(told.values == ["noProcess"])
        world.end()
    }
}
