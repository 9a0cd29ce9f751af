import WSClient

/// What the command line asks for.
struct Options: Sendable {
    /// Where the conversation runs.
    enum Place: String, CaseIterable {
        /// In a plain task, on Swift's global pool.
        case task
        /// In the body of `withConnection`.
        case scope
        /// In a function that is isolated to the connection.
        case connection
        /// In a process.
        case process
    }

    let url: String
    private(set) var place = Place.task
    private(set) var size = 256
    private(set) var seconds = 2.0
    private(set) var warmup = 0.5
    private(set) var connect = ConnectOptions()

    struct Problem: Error, CustomStringConvertible {
        let description: String

        init(_ description: String) { self.description = description }
    }

    init(_ arguments: ArraySlice<String>) throws {
        var rest = arguments
        guard let url = rest.popFirst() else { throw Problem("name a URL") }
        self.url = url
        connect.proxy = .none
        while let option = rest.popFirst() { try take(option, rest.popFirst() ?? "") }
    }

    private mutating func take(_ option: String, _ value: String) throws {
        switch option {
        case "--in":
            guard let place = Place(rawValue: value) else {
                throw Problem("\(option) takes one of \(Place.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            self.place = place
        case "--size":
            guard let count = Int(value), count >= 0 else { throw Problem("\(option) takes a number of bytes") }
            size = count
        case "--seconds": seconds = try Options.time(option, value)
        case "--warmup": warmup = try Options.time(option, value)
        case "--trust": connect.tls.trustRoots = .file(value)
        default: throw Problem("unknown option \(option)")
        }
    }

    private static func time(_ option: String, _ value: String) throws -> Double {
        guard let time = Double(value), time > 0 else { throw Problem("\(option) takes a time above 0") }
        return time
    }
}
