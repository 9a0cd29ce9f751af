internal import Actors
internal import ArgumentParser
internal import WSClient

/// `hansom bench echo`
struct BenchEcho: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echo", abstract: "Send messages to an echo server and take the time until each comes back.",
        discussion: "A line each second on standard error; the result on standard output.")

    @Argument(help: "The URL of an echo server.")
    var url: String

    @Option(help: "Open so many connections.")
    var connections = 64

    @Option(help: "Send binary messages of so many bytes.")
    var size = 20

    @Option(help: "Keep so many messages in flight on each connection.")
    var depth = 1

    @Option(help: "Measure for so many seconds.")
    var seconds = Seconds(5)

    @OptionGroup var trust: TrustOptions

    func validate() throws {
        try check("--connections", connections, 1...100_000)
        try check("--size", size, 0...(64 << 20))
        try check("--depth", depth, 1...100_000)
    }

    private func check(_ option: String, _ value: Int, _ allowed: ClosedRange<Int>) throws {
        guard !allowed.contains(value) else { return }
        throw ValidationError("\(option) \(value); \(allowed.lowerBound) to \(allowed.upperBound) are allowed")
    }

    func run() async throws {
        var options = ConnectOptions()
        options.tls = trust.tls
        options.limits.messageSize = max(options.limits.messageSize, size)
        let load = EchoLoad(
            url: url, options: options, connections: connections, size: size, depth: depth,
            duration: seconds.duration)
        let report = try await load.run { second, count in
            try StandardStream.error.write(line: "\(second) s: \(count) messages/s")
        }
        try StandardStream.output.write(line: report.description)
    }
}
