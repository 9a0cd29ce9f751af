// A pool lends its connections. One that is not given back comes back when its borrower ends.

import Actors

struct Pool: Server {
    enum Call: Sendable { case checkOut(Reply<String>), idle(Reply<Int>) }
    enum Cast: Sendable { case checkIn(String) }
    enum Info: Sendable { case ended(Down) }

    var idle: [String]
    var lent: [String: MonitorReference] = [:]
    var waiting: [Reply<String>] = []

    /// Lends one for as long as `body` takes.
    static func withConnection<R>(_ body: (String) async throws -> R) async throws -> R {
        let pool = ServerAddress<Pool>(named: "pool")
        let connection = try await pool.call { .checkOut($0) }
        defer { pool.cast(.checkIn(connection)) }
        return try await body(connection)
    }

    mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
        switch call {
        case .checkOut(let reply): waiting.append(reply)
        case .idle(let reply): reply(idle.count)
        }
        lend(me)
        return .receive
    }

    mutating func handle(cast: Cast, _ me: isolated Me) async throws -> Next {
        if case .checkIn(let connection) = cast {
            if let monitor = lent.removeValue(forKey: connection) { me.demonitor(monitor, flush: true) }
            idle.append(connection)
        }
        lend(me)
        return .receive
    }

    mutating func handle(info: Info, _ me: isolated Me) async throws -> Next {
        if case .ended(let down) = info, let connection = lent.first(where: { $0.value == down.monitor })?.key {
            lent[connection] = nil
            idle.append(connection)
        }
        lend(me)
        return .receive
    }

    /// Those who have waited longest get what is idle; who waits no more is passed over.
    private mutating func lend(_ me: isolated Me) {
        while let connection = idle.first, !waiting.isEmpty {
            let reply = waiting.removeFirst()
            guard reply.offer(connection) else { continue }
            idle.removeFirst()
            lent[connection] = reply.caller.map { me.monitor($0) { .info(.ended($0)) } }
        }
    }
}

func pool() async throws {
    let pool = try await Pool(idle: ["first", "second"]).started(name: "pool")
    print("lent:", try await Pool.withConnection { $0 })

    // Five queries share two connections.
    var squares: [Int] = []
    let queries = ProcessTask.stream(over: 1...5, maxConcurrent: 5) { number in
        try await Pool.withConnection { _ in number * number }
    }
    for await square in queries { squares.append(try square.get()) }
    print("squares:", squares.map(String.init).joined(separator: " "))

    // Two thieves end and never give back what they have.
    let thieves = (1...2).map { _ in ProcessTask.spawn { try await pool.call { .checkOut($0) } } }
    for thief in thieves { print("a thief is gone:", try await thief.down()) }

    try await Pool.withConnection { _ in try await Pool.withConnection { _ in print("both are back") } }
    print("idle:", try await pool.call { .idle($0) })
}
