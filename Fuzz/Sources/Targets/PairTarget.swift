@testable import WSProtocol

/// A client and a server, with a pipe each way between them that keeps the order and loses nothing. The input says who
/// sends what, when how many bytes arrive, who closes, and which bytes a bad network puts in between.
func fuzzPair(_ input: [UInt8]) {
    var choices = Choices(input)
    var pair = PairRun(&choices)
    for _ in 0..<200 where !choices.isEmpty { pair.step(&choices) }
    pair.settle()
}

private struct PairRun: ~Copyable {
    private var client: PairEnd
    private var server: PairEnd
    /// Whether bytes were put in that nobody sent.
    private var isForged = false

    init(_ choices: inout Choices) {
        let agreed =
            choices.flag()
            ? Agreements.negotiate(
                client: Agreements.chooseOptions(&choices), server: Agreements.chooseOptions(&choices)) : nil
        let delivery: Delivery = choices.flag() ? .fragments : .messages
        client = PairEnd(isServer: false, delivery, agreed?.client)
        server = PairEnd(isServer: true, delivery, agreed?.server)
    }

    mutating func step(_ choices: inout Choices) {
        let step = choices.byte()
        if step & 0x80 == 0 {
            client.act(step & 0x7F, &choices)
        } else {
            server.act(step & 0x7F, &choices)
        }
        switch choices.byte() % 8 {
        case 0...2: carry(Int(choices.byte()), fromServer: true)
        case 3...5: carry(Int(choices.byte()), fromServer: false)
        case 6 where choices.byte() % 16 == 0:
            isForged = true
            let forged = choices.bytes(Int(choices.byte() & 15))
            if step & 1 == 0 { client.receive(forged) } else { server.receive(forged) }
        case 7: step & 1 == 0 ? client.changeDelivery() : server.changeDelivery()
        default: break
        }
    }

    private mutating func carry(_ count: Int, fromServer: Bool) {
        if fromServer {
            client.receive(server.takeOutput(count))
        } else {
            server.receive(client.takeOutput(count))
        }
    }

    /// All that waits arrives, and both ends come to an end.
    mutating func settle() {
        client.beginClose()
        var rounds = 0
        while !client.hasNothingToSend || !server.hasNothingToSend {
            carry(1 << 20, fromServer: false)
            carry(1 << 20, fromServer: true)
            rounds += 1
            require(rounds < 20, "the ends go on answering each other")
        }
        client.finish()
        server.finish()
        if isForged { return }
        requireEqual(client.machine.state, .closed, "the client's state")
        requireEqual(server.machine.state, .closed, "the server's state")
        PairEnd.requireDelivered(from: client, to: server)
        PairEnd.requireDelivered(from: server, to: client)
    }
}
