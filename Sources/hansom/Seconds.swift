internal import ArgumentParser

/// A time in seconds on the command line: `3`, `0.5`.
struct Seconds: ExpressibleByArgument {
    let duration: Duration

    init(_ seconds: Double) { duration = .seconds(seconds) }

    var defaultValueDescription: String { "\(duration.components.seconds)" }

    init?(argument: String) {
        guard let seconds = Double(argument), seconds > 0, seconds <= 1_000_000 else { return nil }
        duration = .seconds(seconds)
    }
}
