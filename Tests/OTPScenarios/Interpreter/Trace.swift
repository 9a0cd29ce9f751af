/// What each observer of a scenario saw, in order; the observers by name.
public struct Trace: Sendable, Hashable {
    public let title: String
    public let lines: [String]

    public init(title: String, lines: [String]) {
        self.title = title
        self.lines = lines
    }

    /// The traces of one file.
    public static func all(in text: String) -> [Trace] {
        Section.all(in: text).map { Trace(title: $0.title, lines: $0.lines.map(\.text)) }
    }
}

extension Trace: CustomStringConvertible {
    public var description: String { (["scenario \(title)"] + lines.map { "  \($0)" }).joined(separator: "\n") }
}
