internal import Actors
internal import ArgumentParser
internal import WSClient

/// `hansom bench idle`
struct BenchIdle: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle", abstract: "Hold connections that do nothing but answer pings.",
        discussion: """
            Says on standard output how many are open when all are, and at the end how many were lost. SIGINT and \
            SIGTERM end it in good order.
            """)

    @Argument(help: "The URL of a server.")
    var url: String

    @Option(help: "Hold so many connections.")
    var connections = 1000

    @Option(help: "Connect from this address of this machine; may be given several times, they take turns.")
    var source: [String] = []

    @Option(help: "Hold them for so many seconds. (default: until a signal)")
    var seconds: Seconds?

    @Option(name: .customLong("connect-timeout"), help: "Give each connection so many seconds to open.")
    var connectTimeout = Seconds(8)

    @OptionGroup var trust: TrustOptions

    func validate() throws {
        guard (1...1_000_000).contains(connections) else {
            throw ValidationError("--connections \(connections); 1 to 1000000 are allowed")
        }
        for address in source where IdleLoad.sourceOptions(address) == nil {
            throw ValidationError("--source \(address); an IP address in numbers is wanted")
        }
    }

    func run() async throws {
        let signals = Signals.catchNext()
        var options = ConnectOptions()
        options.tls = trust.tls
        options.proxy = .none
        options.connectTimeout = connectTimeout.duration
        let load = IdleLoad(
            url: url, options: options, sources: source.compactMap(IdleLoad.sourceOptions), connections: connections)
        let held = try await load.open()
        try StandardStream.output.write(line: "\(held.count) connections open")
        await hold(until: signals)
        let lost = held.count { $0.isClosed }
        let reason = held.lazy.compactMap(\.closeCode).first
        await load.close(held)
        guard lost == 0 else {
            throw CommandFailure("\(lost) of \(held.count) connections were lost; the first: \(reason?.rawValue ?? 0)")
        }
        try StandardStream.output.write(line: "0 of \(held.count) connections lost")
    }

    /// Returns after the time that was asked for, or at a signal.
    private func hold(until signals: AsyncStream<Int32>) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in signals { return } }
            if let seconds { group.addTask { try? await Task.sleep(for: seconds.duration) } }
            await group.next()
            group.cancelAll()
        }
    }
}
