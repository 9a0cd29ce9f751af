import Actors
import HansomTesting
import Testing

@Suite(.timeLimit(.minutes(2))) struct ServerTests {
    struct Counter: Server {
        enum Call: Sendable {
            case add(Int, Reply<Int>)
            case fail
        }
        enum Cast: Sendable { case reset }
        var total = 0
        var log: Probe<String>?

        mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
            switch call {
            case .add(let n, let reply):
                total += n
                reply(total)
            case .fail: throw CancellationError()
            }
            return .receive
        }

        mutating func handle(cast: Cast, _ me: isolated Me) async throws -> Next {
            total = 0
            return .receive
        }

        mutating func terminate(_ reason: ExitReason, _ me: isolated Me) async { log?.record("\(reason)") }
    }

    @Test func `a server answers calls, takes casts and tells its state (P12, P21)`() async throws {
        let log = Probe<String>()
        let counter = try await Counter(total: 1, log: log).started()
        #expect(try await counter.call { .add(5, $0) } == 6)
        counter.cast(.reset)
        #expect(try await counter.call { .add(2, $0) } == 2)
        #expect(try await counter.state()?.contains("total: 2") == true)
        let before = try await counter.replaceState { counter in
            defer { counter.total = 40 }
            return counter.total
        }
        #expect(before == 2)
        #expect(try await counter.call { .add(2, $0) } == 42)
        #expect(await counter.stop().kind == .shutdown)
        #expect(log.values == ["shutdown"])
        let error = await #expect(throws: CallError.self) { try await counter.call { .add(1, $0) } }
        #expect(error?.code == .noProcess)
    }
}
