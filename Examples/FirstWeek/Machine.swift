// An order: it waits for its payment, but not for ever, is shipped and arrives.

import Actors

struct Order: StateMachine {
    enum State: Sendable { case unpaid, paid, shipped }
    enum Event: Sendable { case pay(Int, Reply<Answer>), ship, deliver, state(Reply<State>) }
    enum Answer: Sendable { case accepted, short, refused }

    let price: Int
    var patience = Duration.seconds(30 * 60)

    func enter(_ state: State, from previous: State?, _ me: isolated Me) async throws -> Duration? {
        state == .unpaid ? patience : nil
    }

    func handleTimeout(in state: State, _ me: isolated Me) async throws -> Transition<State> {
        .stop(.shutdown("not paid in time"))
    }

    func handle(_ event: Event, in state: State, _ me: isolated Me) async throws -> Transition<State> {
        switch (event, state) {
        case (.state(let reply), _):
            reply(state)
        case (.pay(let amount, let reply), .unpaid) where amount >= price:
            reply(.accepted)
            return .go(.paid)
        case (.pay(_, let reply), .unpaid):
            reply(.short)
        case (.pay(_, let reply), _):
            reply(.refused)
        // It is shipped as soon as it is paid.
        case (.ship, .unpaid):
            return .postpone
        case (.ship, .paid):
            return .go(.shipped)
        case (.deliver, .shipped):
            return .stop(.normal)
        case (.ship, .shipped), (.deliver, _):
            break
        }
        return .stay
    }
}

func machine() async throws {
    let order = try await Order(price: 10).started(in: .unpaid)
    order.send(.ship)
    for (amount, what) in [(5, "5 of 10"), (10, "10 of 10"), (10, "10 again")] {
        let answer = try await order.call { .pay(amount, $0) }
        print("\(what): \(answer), the order is \(try await order.call { .state($0) })")
    }
    order.send(.deliver)
    print("delivered:", try await order.down())
    let forgotten = try await Order(price: 10, patience: .milliseconds(1)).started(in: .unpaid)
    print("another:", try await forgotten.down().detail ?? "")
}
