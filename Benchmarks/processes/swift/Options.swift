import Actors

/// What the command line asks for.
struct Options {
    let measure: any Measure
    private(set) var schedulers = SchedulerGroup.processorCount
    /// How long a measure is to take, after its warm-up.
    private(set) var seconds = 1.0

    struct Problem: Error, CustomStringConvertible {
        let description: String

        init(_ description: String) { self.description = description }
    }

    init(_ arguments: ArraySlice<String>) throws {
        var rest = arguments
        guard let name = rest.popFirst(), let measure = Processes.measures[name] else {
            throw Problem("name a measure: \(Processes.measures.keys.sorted().joined(separator: ", "))")
        }
        self.measure = measure
        while let option = rest.popFirst() {
            let value = rest.popFirst() ?? ""
            switch option {
            case "--schedulers":
                guard let count = Int(value), count > 0 else { throw Problem("\(option) takes a number from 1") }
                schedulers = count
            case "--seconds":
                guard let time = Double(value), time > 0 else { throw Problem("\(option) takes a time above 0") }
                seconds = time
            default: throw Problem("unknown option \(option)")
            }
        }
    }
}
