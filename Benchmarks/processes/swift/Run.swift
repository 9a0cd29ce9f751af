import Actors

/// Runs `body` as a process on `scheduler` and waits for what it returns.
func run<Message, Value: Sendable>(
    on scheduler: Scheduler, _ body: @escaping @Sendable (isolated Process<Message>) async -> Value
) async -> Value {
    await withCheckedContinuation { continuation in
        Process<Message>.spawn(on: scheduler) { me in continuation.resume(returning: await body(me)) }
    }
}
