package import Actors
package import HansomTransport
package import WSConnection

/// Runs `body` with the URL of a listener that serves each of its connections with `script`.
package func withScriptedServer<R>(
    on address: SocketAddress? = nil, _ script: @escaping @Sendable (RawSocket) async throws -> Void,
    _ body: (String) async throws -> R
) async throws -> R {
    let listener = try RawListener.listen(on: address)
    let serving = Task {
        while let socket = await listener.accept() {
            // What the script cannot do because the client went away is no concern of its own.
            try? await script(socket)
        }
    }
    let result: Result<R, any Error>
    do { result = .success(try await body(listener.url)) } catch { result = .failure(error) }
    await listener.close()
    await serving.value
    return try result.get()
}

/// Runs `body` with schedulers of its own, and ends them.
package func withSchedulers<R>(
    _ count: Int = 1, time: any TimeSource = SystemTime.shared,
    report: @escaping @Sendable (SystemEvent) -> Void = { _ in }, _ body: (SchedulerGroup) async throws -> R
) async throws -> R {
    let system = SchedulerGroup.Options(count: count, time: time, name: "test", system: .init(report: report))
    let schedulers = try SchedulerGroup(options: system)
    let result: Result<R, any Error>
    do { result = .success(try await body(schedulers)) } catch { result = .failure(error) }
    await schedulers.shutdown(grace: .seconds(1))
    return try result.get()
}

/// Lets every scheduler look at its descriptors and run what follows from them, some times over.
package func turns(of schedulers: SchedulerGroup, _ count: Int = 8) async {
    for _ in 0..<count {
        for scheduler in schedulers.schedulers { await scheduler.ask { _ in } }
    }
}

/// The error that `body` throws, `nil` if it throws none or another kind.
package func failure(_ body: () async throws -> Void) async -> WebSocketError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? WebSocketError
    }
}

/// A value handed from one task to another, once.
package final class Handover<Value: Sendable>: @unchecked Sendable {
    // Safety: both vars are touched with `lock` held.
    private let lock = Lock()
    private var value: Value?
    private var waiters: [CheckedContinuation<Value, Never>] = []

    package init() {}

    /// Gives it; what is given later is ignored.
    package func give(_ new: Value) {
        let waiting = lock.withLock { () -> [CheckedContinuation<Value, Never>] in
            guard value == nil else { return [] }
            value = new
            defer { waiters = [] }
            return waiters
        }
        for waiter in waiting { waiter.resume(returning: new) }
    }

    /// Takes it, as often as one likes, waiting for it.
    package func take() async -> Value {
        await withCheckedContinuation { continuation in
            let present = lock.withLock { () -> Value? in
                if value == nil { waiters.append(continuation) }
                return value
            }
            if let present { continuation.resume(returning: present) }
        }
    }
}

extension Handover where Value == Bool {
    package func give() { give(true) }
}
