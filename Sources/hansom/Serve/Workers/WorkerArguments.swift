internal import ArgumentParser

/// Whether a server is several processes, and whether this is one of them.
struct WorkerArguments: ParsableArguments {
    @Option(
        name: .customLong("workers"),
        help: ArgumentHelp(
            """
            Serve with so many processes on one port: more connections than one process may have descriptors. One \
            that ends is started again. (default: one process, this one)
            """, valueName: "count"))
    var count: Int?

    /// What a worker is started with: the descriptor by which it hears from the process that keeps it.
    @Option(name: .customLong("worker-channel"), help: .hidden)
    var channel: Int32?

    func validate() throws {
        guard let count, !(1...1024).contains(count) else { return }
        throw ValidationError("--workers \(count); 1 to 1024 are allowed")
    }

    func apply(to settings: inout ServeSettings) {
        if let count { settings.workers = count }
        settings.workerChannel = channel
    }
}
