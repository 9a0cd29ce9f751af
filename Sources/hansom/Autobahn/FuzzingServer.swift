internal import Actors
internal import WSClient

/// The fuzzing server of the Autobahn Testsuite, which is asked by the paths that it is connected to.
struct FuzzingServer: Sendable {
    /// Its URL without path and final slash.
    let base: String
    /// Who we are, as a part of a query.
    let agent: String
    let options: ConnectOptions

    /// How many cases there are to run.
    ///
    /// - Throws: `CommandFailure` when the server does not say a number; `WebSocketError`.
    func caseCount() async throws -> Int {
        try await WebSocket.withConnection(to: "\(base)/getCaseCount", options: options) { ws in
            let answer = try await ws.recv()
            guard case .text(let text) = answer, let count = Int(text), count >= 0 else {
                throw CommandFailure("\(base) does not say how many cases it has: is it Autobahn's fuzzing server?")
            }
            return count
        }
    }

    /// Sends everything back until the server, or the connection, is done with the case.
    ///
    /// It runs where the connection lives: what comes together with a close or a violation is then answered before it.
    ///
    /// - Throws: `WebSocketError` when there is no connection at all. How it ends is the server's to judge.
    func run(case number: Int) async throws(WebSocketError) {
        let scheduler = SchedulerGroup.shared.next()
        var options = options
        options.scheduler = scheduler
        let ended = await withTaskExecutorPreference(scheduler) { [options] in await echo(case: number, options) }
        if case .failure(let error) = ended { throw error }
    }

    private func echo(case number: Int, _ options: ConnectOptions) async -> Result<Void, WebSocketError> {
        let ws: WebSocket
        do {
            ws = try await WebSocket.connect(to: "\(base)/runCase?case=\(number)&agent=\(agent)", options: options)
        } catch {
            return .failure(error)
        }
        do {
            for try await message in ws { try await ws.send(message) }
        } catch {
            // Most cases break a rule on purpose.
        }
        return .success(())
    }

    /// Has the server write down what it found, and returns when it has.
    func writeReports() async throws(WebSocketError) {
        let ws = try await WebSocket.connect(to: "\(base)/updateReports?agent=\(agent)", options: options)
        for try await _ in ws {}
    }
}
