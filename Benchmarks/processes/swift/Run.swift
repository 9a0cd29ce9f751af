import Actors

/// Runs `body` as a process on `scheduler` and waits for what it returns.
func run<Message, Value: Sendable>(
    on scheduler: Scheduler, _ body: @escaping @Sendable (isolated Process<Message>) async throws -> Value
) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Process<Message>.spawn(on: scheduler) { me in
            do {
                continuation.resume(returning: try await body(me))
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}

/// Does `work` for each scheduler at the same time, each with its share of `count`.
func onEach<Value: Sendable>(
    _ schedulers: [Scheduler], _ count: Int, _ work: @escaping @Sendable (Int, Scheduler) async throws -> Value
) async throws -> [Value] {
    let share = max(1, count / schedulers.count)
    return try await withThrowingTaskGroup { group in
        for scheduler in schedulers { group.addTask { try await work(share, scheduler) } }
        return try await group.reduce(into: []) { $0.append($1) }
    }
}
