import Actors

// guide: server
struct Bank: Server {
    enum Call: Sendable {
        case deposit(Int, Reply<Int>)
        case withdraw(Int, Reply<Int>)
    }
    enum Cast: Sendable { case close }
    struct Overdrawn: Error { let balance: Int }

    var balance = 0

    mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
        switch call {
        case .deposit(let amount, let reply):
            balance += amount
            reply(balance)
        case .withdraw(let amount, let reply):
            guard amount <= balance else {
                reply.fail(Overdrawn(balance: balance))
                break
            }
            balance -= amount
            reply(balance)
        }
        return .receive
    }

    mutating func handle(cast: Cast, _ me: isolated Me) async throws -> Next {
        .stop(.normal)
    }

    mutating func terminate(_ reason: ExitReason, _ me: isolated Me) async {
        print("closed with \(balance): \(reason)")
    }
}
// end

func useBank() async throws -> ExitReason.Kind {
    // guide: use-server
    let bank = try await Bank().started(name: "bank")
    print(try await bank.call { .deposit(100, $0) })
    do {
        print(try await bank.call { .withdraw(500, $0) })
    } catch let error as Bank.Overdrawn {
        print("only \(error.balance) are there")
    }
    bank.cast(.close)
    // end
    return try await bank.pid.down().kind
}

// guide: ledger
final class Ledger: Server {
    enum Call: Sendable { case enter(String, Reply<Int>) }
    private var lines: [String] = []

    func handle(call: Call, _ me: isolated Me) async throws -> Next {
        if case .enter(let line, let reply) = call {
            lines.append(line)
            reply(lines.count)
        }
        return .receive
    }
}
// end

func useLedger() async throws -> Int {
    // guide: use-ledger
    let ledger = try await Ledger.started(name: "ledger") { Ledger() }
    let lines = try await ledger.call { .enter("opened", $0) }
    // end
    await ledger.stop()
    return lines
}

// guide: continuation
struct Prices: Server {
    enum Call: Sendable { case price(String, Reply<Int?>) }
    enum Continuation: Sendable { case load(day: String) }

    var prices: [String: Int] = [:]

    mutating func start(_ me: isolated Me) async throws -> Next {
        .continue(with: .load(day: "today"))
    }

    mutating func handle(continuation: Continuation, _ me: isolated Me) async throws -> Next {
        switch continuation {
        case .load(let day): prices = try await readPrices(of: day)
        }
        return .receive
    }

    mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
        if case .price(let thing, let reply) = call { reply(prices[thing]) }
        return .receive
    }
}
// end

private func readPrices(of day: String) async throws -> [String: Int] { ["tea": day.utf8.count] }

func useContinuation() async throws -> Int? {
    let prices = try await Prices().started()
    let price = try await prices.call { .price("tea", $0) }
    await prices.stop()
    return price
}

// guide: redaction
struct Session: Server {
    enum Call: Sendable { case login(name: String, password: String, Reply<Bool>) }

    var passwords: [String: String]

    mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
        if case .login(let name, let password, let reply) = call { reply(passwords[name] == password) }
        return .receive
    }

    var stateDescription: String { "\(passwords.count) users" }

    static func description(ofCall call: Call) -> String {
        if case .login(let name, _, _) = call { "login of \(name)" } else { "\(call)" }
    }
}
// end

func useRedaction() async throws -> String? {
    let session = try await Session(passwords: ["ann": "secret"]).started()
    guard try await session.call({ .login(name: "ann", password: "secret", $0) }) else { return nil }
    let state = try await session.state()
    await session.stop()
    return state
}

// guide: line
struct Line: StateMachine {
    enum State: Sendable { case up, down }
    enum Event: Sendable { case heard, quality(Reply<Int>) }
    enum Timeout: Sendable { case ping }

    var missed = 0

    mutating func enter(_ state: State, from previous: State?, _ me: isolated Me) async throws -> Duration? {
        me.startTimeout(.ping, after: .seconds(10))
        return nil
    }

    mutating func handle(_ event: Event, in state: State, _ me: isolated Me) async throws -> Transition<State> {
        switch event {
        case .heard: missed = 0
        case .quality(let reply): reply(100 - missed)
        }
        return .go(missed < 3 ? .up : .down)
    }

    mutating func handle(timeout: Timeout, in state: State, _ me: isolated Me) async throws -> Transition<State> {
        missed += 1
        me.startTimeout(.ping, after: .seconds(10))
        return .go(missed < 3 ? .up : .down)
    }
}
// end

func useLine() async throws -> Int {
    let line = try await Line().started(in: .up)
    line.send(.heard)
    let quality = try await line.call { .quality($0) }
    await line.stop()
    return quality
}

// guide: state-machine
struct Door: StateMachine {
    enum State: Sendable { case open, closed, locked }
    enum Event: Sendable { case open, close, lock, unlock, state(Reply<State>) }

    var patience = Duration.seconds(30)

    mutating func enter(_ state: State, from previous: State?, _ me: isolated Me) async throws -> Duration? {
        state == .open ? patience : nil
    }

    mutating func handle(_ event: Event, in state: State, _ me: isolated Me) async throws -> Transition<State> {
        switch (state, event) {
        case (_, .state(let reply)):
            reply(state)
            return .stay
        case (.closed, .open): return .go(.open)
        case (.open, .close), (.locked, .unlock): return .go(.closed)
        case (.closed, .lock): return .go(.locked)
        case (.locked, .open): return .postpone
        default: return .stay
        }
    }

    mutating func handleTimeout(in state: State, _ me: isolated Me) async throws -> Transition<State> {
        .go(.closed)
    }
}
// end

func useDoor() async throws -> [Door.State] {
    // guide: use-state-machine
    let door = try await Door().started(in: .locked)
    door.send(.open)
    let before = try await door.call { .state($0) }
    door.send(.unlock)
    let after = try await door.call { .state($0) }
    // end
    await door.stop()
    return [before, after]
}
