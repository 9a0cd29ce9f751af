internal import Actors

/// Why a scripted process fails: a word of the scenario.
struct Failure: Error, CustomStringConvertible {
    let description: String
}

extension ExitReason {
    init(word: String) {
        switch word {
        case "normal": self = .normal
        case "shutdown": self = .shutdown
        case "kill": self = .kill
        case "killed": self = .killed
        case "noproc": self = .noProcess
        case _ where word.hasPrefix("shutdown("): self = .shutdown(String(word.dropFirst(9).dropLast()))
        default: self = .error(Failure(description: word))
        }
    }

    /// As Erlang says it.
    var word: String {
        switch kind {
        case .noProcess: "noproc"
        // Why a supervisor ends by itself is not part of OTP's reason.
        case .shutdown where error != nil: "shutdown"
        case .error: (error as? CallError).map { "call-\($0.word)" } ?? error.map { "\($0)" } ?? "error"
        default: description
        }
    }
}

extension CallError {
    /// As Erlang says it, where it does.
    var word: String {
        switch code {
        case .timeout: "timeout"
        case .noProcess: "noproc"
        case .calledSelf: "calling_self"
        case .exited: "exited:\(reason?.word ?? "unknown")"
        case .replyDropped: "dropped"
        case .cancelled: "cancelled"
        default: "\(code)"
        }
    }
}

extension Duration {
    /// `30ms`, `5s` or `1h`.
    init(word: String) {
        let number = Int(word.prefix { $0.isNumber }) ?? 0
        switch word.drop(while: \.isNumber) {
        case "ms": self = .milliseconds(number)
        case "s": self = .seconds(number)
        case "h": self = .seconds(3600 * number)
        default: preconditionFailure("\(word) is no duration")
        }
    }
}

extension [String] {
    /// The word behind `key`.
    func value(of key: String) -> String? {
        guard let index = firstIndex(of: key), index + 1 < count else { return nil }
        return self[index + 1]
    }

    /// What follows `within`.
    var patience: Duration? { value(of: "within").map { Duration(word: $0) } }
}

extension String {
    /// `stop:shutdown` is the verb and its object; `hello` has none.
    var verbAndObject: (verb: String, object: String) {
        let parts = split(separator: ":", maxSplits: 1).map(String.init)
        return parts.count == 2 ? (parts[0], parts[1]) : (self, "")
    }
}

extension Error {
    /// What went wrong, as Erlang says it: for a failed start the way to the child that failed, and why.
    var words: [String] {
        switch self {
        case let reason as ExitReason: [reason.word]
        case let error as SupervisorError: [error.child].compactMap { $0 } + (error.underlying?.words ?? [error.word])
        default: ["\(self)"]
        }
    }
}

extension SupervisorError {
    fileprivate var word: String {
        switch code {
        case .startFailed: "failed"
        case .badSpecification: "rejected"
        case .alreadyPresent: "already_present"
        case .alreadyRunning: "running"
        case .restarting: "restarting"
        case .notFound: "not_found"
        case .tooManyChildren: "max_children"
        case .noSupervisor: "noproc"
        case .startTimeout: "timeout"
        case .startCancelled: "cancelled"
        case .gaveUp, .significantChildEnded: "shutdown"
        default: "\(code)"
        }
    }
}

extension ChildInfo {
    var word: String {
        switch state {
        case .running: id
        case .restarting: "\(id):restarting"
        case .stopped: "\(id):undefined"
        }
    }
}

extension ChildCount {
    var words: [String] {
        ["specs:\(specifications)", "active:\(active)", "supervisors:\(supervisors)", "workers:\(workers)"]
    }
}

extension [String] {
    /// OTP promises no order of its lists.
    var sortedOrNobody: [String] { isEmpty ? ["nobody"] : sorted() }
}
