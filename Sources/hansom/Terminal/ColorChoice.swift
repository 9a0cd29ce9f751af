internal import ArgumentParser

/// When to use colours.
enum ColorChoice: String, ExpressibleByArgument, CaseIterable {
    case auto, always, never

    /// Whether a stream gets them.
    ///
    /// - Parameters:
    ///   - noColor: the environment variable `NO_COLOR`; if it is set and not empty, nobody who did not ask for colours
    ///     gets them (https://no-color.org).
    ///   - term: the environment variable `TERM`.
    func colours(isTerminal: Bool, noColor: String?, term: String?) -> Bool {
        switch self {
        case .always: true
        case .never: false
        case .auto: isTerminal && (noColor ?? "").isEmpty && term != "dumb"
        }
    }
}
