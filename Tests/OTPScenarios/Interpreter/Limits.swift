internal import Actors

/// `restarts 1 in 5s`, which is also what holds when nothing is said.
struct Limits {
    let maxRestarts: Int
    let period: Duration

    init(_ options: [String]) {
        maxRestarts = options.value(of: "restarts").flatMap { Int($0) } ?? 1
        period = options.value(of: "in").map { Duration(word: $0) } ?? .seconds(5)
    }
}

extension Supervisor.Strategy {
    init(word: String) {
        switch word {
        case "one_for_all": self = .oneForAll
        case "rest_for_one": self = .restForOne
        default: self = .oneForOne
        }
    }
}

extension Supervisor.AutoShutdown {
    init(_ options: [String]) {
        switch options.value(of: "auto") {
        case "any": self = .any
        case "all": self = .all
        default: self = .never
        }
    }
}

extension Child.Restart {
    init(_ options: [String]) {
        self = options.contains("transient") ? .transient : options.contains("temporary") ? .temporary : .permanent
    }
}

extension Child.Shutdown {
    init(_ options: [String]) {
        if options.contains("brutal") {
            self = .immediate
        } else if options.contains("infinity") {
            self = .infinity
        } else {
            self = .after(options.patience ?? .seconds(5))
        }
    }
}
