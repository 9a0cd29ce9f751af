import Foundation

/// The documents whose Swift code is tested, and the sources that it stands in too.
enum Documents {
    static let names = ["README.md", "GUIDE.md"]

    static func text(of name: String) throws -> String {
        try String(contentsOf: root.appending(path: name), encoding: .utf8)
    }

    /// The sources beside this file.
    static func sources() throws -> [Source] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Snippets")
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil).map {
            Source(name: $0.lastPathComponent, text: try String(contentsOf: $0, encoding: .utf8))
        }
    }

    /// Programs that the guide quotes as they stand: `CommandTests` run them.
    static func examples() throws -> [Source] {
        let folder = root.appending(path: "Examples/FirstWeek")
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "swift" }.map {
                Source(name: $0.lastPathComponent, text: try String(contentsOf: $0, encoding: .utf8))
            }
    }

    /// The names of all types that users can name, but for those inside another.
    static func publicTypes() throws -> Set<String> {
        let folder = root.appending(path: "Documentation/API")
        let kinds = ["struct", "enum", "class", "actor", "protocol", "typealias"]
        var types: Set<String> = []
        for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                let words = line.split(separator: " ")
                if words.count > 1, kinds.contains(String(words[0])) { types.insert(String(words[1])) }
            }
        }
        return types
    }

    static var root: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    }
}

/// A source with pieces that stand between `// guide: name` and `// end`.
struct Source {
    let name: String
    let imports: Set<String>
    let lines: [String]
    /// By name, without their indentation.
    let pieces: [String: [String]]

    init(name: String, text: String) {
        let lines = text.components(separatedBy: "\n")
        var pieces: [String: [String]] = [:]
        var open: String?
        for line in lines {
            let words = line.trimmingCharacters(in: .whitespaces)
            if words.hasPrefix("// guide: ") {
                open = String(words.dropFirst("// guide: ".count))
                pieces[open ?? ""] = []
            } else if words == "// end" {
                open = nil
            } else if let open {
                pieces[open]?.append(line)
            }
        }
        self.name = name
        self.lines = lines
        self.pieces = pieces.mapValues(\.outdented)
        imports = Set(lines.filter { $0.hasPrefix("import ") })
    }
}

/// A block of Swift in a document.
struct CodeBlock: CustomStringConvertible {
    /// The imports that it begins with.
    let imports: [String]
    /// What follows them, without its indentation.
    let body: [String]
    /// Whether it is a package's manifest, which no test can compile.
    let isManifest: Bool

    init(lines: [String]) {
        let lines = lines.outdented
        imports = Array(lines.prefix { $0.hasPrefix("import ") })
        body = Array(lines.dropFirst(imports.count).drop(while: \.isEmpty))
        isManifest = lines.first?.hasPrefix("// swift-tools-version") ?? false
    }

    var description: String { (imports + body).joined(separator: "\n") }

    static func all(in document: String) -> [CodeBlock] {
        var blocks: [CodeBlock] = []
        var open: [String]?
        for line in document.components(separatedBy: "\n") {
            let words = line.trimmingCharacters(in: .whitespaces)
            if let lines = open {
                if words == "```" { blocks.append(CodeBlock(lines: lines)) }
                open = words == "```" ? nil : lines + [line]
            } else if words.hasPrefix("```swift") {
                open = []
            }
        }
        return blocks
    }
}

extension [String] {
    /// Whether these lines stand in it, one after the other, with whatever indentation.
    func contains(paragraph: [String]) -> Bool {
        let (lines, length) = (paragraph.outdented, paragraph.count)
        guard count >= length else { return false }
        return (0...(count - length)).contains { Array(self[$0..<($0 + length)]).outdented == lines }
    }

    /// The lines without the indentation that all of them have.
    var outdented: [String] {
        let indentation = filter { !$0.isEmpty }.map { $0.prefix { $0 == " " }.count }.min() ?? 0
        return map { String($0.dropFirst(indentation)) }
    }
}
