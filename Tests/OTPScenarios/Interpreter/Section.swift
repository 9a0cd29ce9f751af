/// A title at the margin, `scenario ...`, and the indented lines below it: the form of scenarios and of traces.
struct Section {
    struct Line {
        let indentation: Int
        let text: String
    }

    let title: String
    var lines: [Line] = []

    /// Empty lines and those that begin with `#` say nothing.
    static func all(in text: String) -> [Section] {
        var sections: [Section] = []
        for raw in text.split(separator: "\n") {
            let indentation = raw.prefix { $0 == " " }.count
            let text = raw.dropFirst(indentation)
            if text.isEmpty || text.hasPrefix("#") { continue }
            if indentation == 0, text.hasPrefix("scenario ") {
                sections.append(Section(title: String(text.dropFirst("scenario ".count))))
            } else if !sections.isEmpty {
                sections[sections.count - 1].lines.append(Line(indentation: indentation, text: String(text)))
            }
        }
        return sections
    }
}
