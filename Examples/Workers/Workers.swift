// Workers that fail, and a supervisor that starts them again: processes without a socket.
//
//     swift run --package-path Examples Workers

import Actors

/// Adds what it is given, and stumbles over every seventh number.
struct Adder: Server {
    enum Call: Sendable { case add(Int, Reply<Int>) }
    struct Stumbled: Error {}

    var total = 0

    mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
        switch call {
        case .add(let number, let reply):
            if number % 7 == 0 { throw Stumbled() }
            total += number
            reply(total)
        }
        return .receive
    }
}

@main
struct Workers {
    static func main() async throws {
        let tree = Supervisor(.oneForOne, id: "adders", maxRestarts: 10, period: .seconds(1)) {
            for number in 1...3 {
                Child("adder \(number)") { try await Adder().started(name: "adder \(number)") }
            }
        }
        let adders = try await tree.start()
        for number in 1...20 {
            let name = "adder \(number % 3 + 1)"
            // Whoever asks while a worker is being started again hears that nobody has the name for a moment.
            let adder = ServerAddress<Adder>(named: name)
            do {
                print("\(name):", try await adder.call { .add(number, $0) })
            } catch let error as CallError {
                print("\(name): \(error)")
            }
        }
        let restarted = try await adders.children().count { $0.pid != nil }
        print("\(restarted) of 3 are running; stopping them, the last one first")
        await adders.stop()
    }
}
