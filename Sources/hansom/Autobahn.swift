internal import Actors
internal import ArgumentParser
internal import WSClient

/// `hansom autobahn`
struct Autobahn: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Be judged as a client by the fuzzing server of the Autobahn Testsuite.",
        discussion: """
            Asks the server how many cases it has, runs each on a connection of its own, one after the other, sending \
            every message back as it came, and then has the server write its reports. What it found is in those.
            """)

    @Argument(help: "The fuzzing server's URL, without a path.")
    var url: String

    @Option(help: "Be called so in the reports: letters, digits, '-', '.', '_' and '~'.")
    var agent = "hansom"

    @OptionGroup var limits: MessageLimitArguments

    @OptionGroup var trust: TrustOptions

    func validate() throws {
        guard !agent.isEmpty, agent.utf8.allSatisfy(Autobahn.isUnreserved) else {
            throw ValidationError("--agent \(agent); letters, digits, '-', '.', '_' and '~' are allowed")
        }
    }

    /// What needs no escape in a URL's query (RFC 3986 section 2.3).
    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: [UInt8](arrayLiteral: 0x2D, 0x2E, 0x5F, 0x7E).contains(byte)
        }
    }

    /// What each case is met with.
    private var options: ConnectOptions {
        var options = ConnectOptions()
        options.tls = trust.tls
        options.compression = CompressionOptions()
        limits.apply(to: &options.limits)
        return options
    }

    func run() async throws {
        let base = url.hasSuffix("/") ? String(url.dropLast()) : url
        let server = FuzzingServer(base: base, agent: agent, options: options)
        let count = try await server.caseCount()
        for number in stride(from: 1, through: count, by: 1) {
            try StandardStream.error.write(line: "case \(number) of \(count)")
            do {
                try await server.run(case: number)
            } catch {
                // The others are to be judged all the same, and this one will be missing, or bad, in the reports.
                try StandardStream.error.write(line: "case \(number): \(Printable(error.message))")
            }
        }
        try await server.writeReports()
        try StandardStream.output.write(line: "\(count) cases run")
    }
}

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
