// A limiter: each key has a bucket of tokens, and a request takes one. Every so often each bucket gets one more.

import Actors

struct Limiter: Server {
    enum Call: Sendable { case allow(String, Reply<Bool>), count(Reply<Int>) }
    enum Info: Sendable { case refill }

    let capacity: Int
    let interval: Duration
    var tokens: [String: Int] = [:]

    mutating func start(_ me: isolated Me) async throws -> Next {
        me.sendEvery(interval, .info(.refill))
        return .receive
    }

    mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
        switch call {
        case .allow(let key, let reply):
            let left = tokens[key, default: capacity]
            if left > 0 { tokens[key] = left - 1 }
            reply(left > 0)
        // How many keys are remembered.
        case .count(let reply):
            reply(tokens.count)
        }
        return .receive
    }

    /// A bucket that is full is forgotten: a key that nobody knows has all its tokens.
    mutating func handle(info: Info, _ me: isolated Me) async throws -> Next {
        tokens = tokens.mapValues { $0 + 1 }.filter { $0.value < capacity }
        return .receive
    }
}

func limiter() async throws {
    let limiter = try await Limiter(capacity: 3, interval: .seconds(60)).started(name: "limiter")
    func ask(_ key: String, times: Int) async throws -> String {
        var answers: [String] = []
        for _ in 1...times { answers.append("\(try await limiter.call { .allow(key, $0) })") }
        return answers.joined(separator: ", ")
    }
    print("ann:", try await ask("ann", times: 4))
    print("bob:", try await ask("bob", times: 1))
    // What the timer sends each minute.
    limiter.send(.refill)
    print("a minute later: ann:", try await ask("ann", times: 2))
    print("keys:", try await limiter.call { .count($0) })
    for _ in 1...3 { limiter.send(.refill) }
    print("keys three minutes later:", try await limiter.call { .count($0) })
}
