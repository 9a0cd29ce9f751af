// A cache: what is in its table is read at once, and its process is asked only for what is not, or has expired.

import Actors

struct Cache: Server {
    typealias Make = @Sendable () async throws -> Int
    enum Call: Sendable { case fetch(String, Duration, Make, Reply<Int>), table(Reply<Table<String, Entry>>) }
    enum Info: Sendable { case sweep }

    struct Entry: Sendable {
        let value: Int
        let end: ContinuousClock.Instant
        var isGood: Bool { end > .now }
    }

    let table: Table<String, Entry>

    /// The value under a key; if there is none, what `make` returns, which is good for `time`.
    static func fetch(
        _ key: String, for time: Duration, from table: Table<String, Entry>, make: @escaping Make
    ) async throws -> Int {
        if let entry = table[key], entry.isGood { return entry.value }
        return try await ServerAddress<Cache>(named: "cache").call { .fetch(key, time, make, $0) }
    }

    mutating func start(_ me: isolated Me) async throws -> Next {
        me.sendEvery(.seconds(60), .info(.sweep))
        return .receive
    }

    mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
        switch call {
        case .table(let reply):
            reply(table)
        case .fetch(let key, let time, let make, let reply):
            // Whoever asked before has filled it.
            if let entry = table[key], entry.isGood {
                reply(entry.value)
                break
            }
            let value = try await make()
            try table.insert(Entry(value: value, end: .now + time), for: key)
            reply(value)
        }
        return .receive
    }

    mutating func handle(info: Info, _ me: isolated Me) async throws -> Next {
        try table.removeAll { !$1.isGood }
        return .receive
    }
}

func cache() async throws {
    let cache = try await Cache.started(name: "cache") { try Cache(table: Table()) }
    let table = try await cache.call { .table($0) }
    @Sendable func fetch(_ key: String, for time: Duration = .seconds(3600), making value: Int) async throws -> Int {
        try await Cache.fetch(key, for: time, from: table) {
            print("making \(value)")
            return value
        }
    }
    print("tea:", try await fetch("tea", making: 3))
    print("tea:", try await fetch("tea", making: 4))
    print("milk:", try await fetch("milk", for: .zero, making: 1))
    print("milk:", try await fetch("milk", for: .zero, making: 2))
    let same = (1...5).map { _ in ProcessTask.spawn { try await fetch("rice", making: 7) } }
    for task in same { _ = try await task.value }
    // What the timer sends each minute.
    cache.send(.sweep)
    print("rice:", try await fetch("rice", making: 8))
    _ = try await cache.state()
    print("\(table.count) are left")
}
