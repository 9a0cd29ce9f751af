/// What happens to whom, as text says it. See README.md of the scenarios.
public struct Scenario: Sendable, Hashable {
    /// One line: its words, and below a supervisor the lines of its children.
    public struct Step: Sendable, Hashable {
        public let words: [String]
        public let below: [Step]
    }

    public let title: String
    public let steps: [Step]
}

extension Scenario: CustomStringConvertible {
    public var description: String { title }
}

extension Scenario {
    /// The scenarios of one file.
    public static func all(in text: String) -> [Scenario] {
        Section.all(in: text).map { Scenario(title: $0.title, steps: Step.nested($0.lines[...])) }
    }
}

extension Scenario.Step {
    fileprivate static func nested(_ lines: ArraySlice<Section.Line>) -> [Scenario.Step] {
        var steps: [Scenario.Step] = []
        var rest = lines
        while let line = rest.popFirst() {
            let below = rest.prefix { $0.indentation > line.indentation }
            rest = rest.dropFirst(below.count)
            steps.append(Scenario.Step(words: line.text.split(separator: " ").map(String.init), below: nested(below)))
        }
        return steps
    }
}
