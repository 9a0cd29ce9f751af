import Actors
import HansomTesting
import Testing
import WSConnection

@Suite(.timeLimit(.minutes(2))) struct ExecutorPreferenceTests {
    @Test func `loses no wake-up in a task that prefers an executor (W1)`() async throws {
        let schedulers = try SchedulerGroup(options: .init(count: 2))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<32 {
                let pair = await WebSocketPair.connect(on: schedulers)
                group.addTask(executorPreference: schedulers.schedulers[index % 2]) {
                    for number in 0..<200 {
                        try await pair.client.send(.text("\(number)"))
                        #expect(try await pair.client.recv(timeout: .seconds(30)) == .text("\(number)"))
                    }
                    _ = try await pair.client.ping()
                    try await pair.client.close()
                }
                group.addTask {
                    for try await message in pair.server { try await pair.server.send(message) }
                }
            }
            try await group.waitForAll()
        }
        await schedulers.shutdown()
    }
}
