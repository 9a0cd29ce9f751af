/// Reads JSON (RFC 8259) as people write it: with comments (`//`, `/* */`) and a comma behind the last element.
///
/// Not Foundation's, which has comments too (`allowsJSON5`): it takes one of two settings of the same name in silence,
/// so that a limit may be none, does not say where something is wrong, and takes names without quotation marks, `0x10`
/// and `Infinity`.
struct ConfigurationParser {
    private var rest: Substring.UnicodeScalarView
    private var line = 1
    private var column = 1
    private var depth = 0

    /// Deeper than any configuration is.
    private static let deepest = 32

    /// Reads all of a file.
    ///
    /// - Throws: what is wrong, with line and column.
    static func parse(_ bytes: [UInt8]) throws(CommandFailure) -> ConfigurationValue {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw CommandFailure("it is no UTF-8") }
        var parser = ConfigurationParser(rest: text.unicodeScalars[...])
        let value = try parser.value()
        try parser.skipSpace()
        guard parser.rest.isEmpty else { throw parser.flaw("nothing more is wanted behind the value") }
        return value
    }

    private init(rest: Substring.UnicodeScalarView) { self.rest = rest }

    private func flaw(_ text: String) -> CommandFailure {
        let found = rest.first.map { "\"\($0)\"" } ?? "the end"
        return CommandFailure("line \(line), column \(column): \(text), not \(found)")
    }

    // MARK: Values

    private mutating func value() throws(CommandFailure) -> ConfigurationValue {
        try skipSpace()
        switch rest.first {
        case "{": return .members(try nested { parser throws(CommandFailure) in try parser.members() })
        case "[": return .list(try nested { parser throws(CommandFailure) in try parser.list() })
        case "\"": return .text(try text())
        case let scalar? where scalar == "-" || scalar.properties.numericType != nil: return .number(try number())
        default: return try word()
        }
    }

    private mutating func nested<Value>(
        _ body: (inout ConfigurationParser) throws(CommandFailure) -> Value
    ) throws(CommandFailure) -> Value {
        guard depth < ConfigurationParser.deepest else {
            throw flaw("at most \(ConfigurationParser.deepest) levels are allowed")
        }
        depth += 1
        defer { depth -= 1 }
        take()
        return try body(&self)
    }

    private mutating func members() throws(CommandFailure) -> [String: ConfigurationValue] {
        var members: [String: ConfigurationValue] = [:]
        while try !takes("}") {
            guard rest.first == "\"" else { throw flaw("a name in quotation marks is wanted") }
            let name = try text()
            guard members[name] == nil else { throw flaw("\"\(name)\" is there twice: a value of its own is wanted") }
            guard try takes(":") else { throw flaw("a colon is wanted") }
            members[name] = try value()
            try endElement("}")
        }
        return members
    }

    private mutating func list() throws(CommandFailure) -> [ConfigurationValue] {
        var list: [ConfigurationValue] = []
        while try !takes("]") {
            list.append(try value())
            try endElement("]")
        }
        return list
    }

    /// Behind an element comes a comma, or the end.
    private mutating func endElement(_ end: Unicode.Scalar) throws(CommandFailure) {
        if try takes(",") { return }
        guard rest.first == end else { throw flaw("a comma or \"\(end)\" is wanted") }
    }

    private mutating func word() throws(CommandFailure) -> ConfigurationValue {
        let words: [(String, ConfigurationValue)] = [("true", .flag(true)), ("false", .flag(false)), ("null", .null)]
        for (word, value) in words where rest.starts(with: word.unicodeScalars) {
            for _ in word.unicodeScalars { take() }
            return value
        }
        throw flaw("a value is wanted")
    }

    private mutating func number() throws(CommandFailure) -> Double {
        let start = self
        var digits = ""
        while let scalar = rest.first, scalar.properties.numericType != nil || "+-.eE".unicodeScalars.contains(scalar) {
            digits.unicodeScalars.append(scalar)
            take()
        }
        guard let number = Double(digits), number.isFinite else { throw start.flaw("a number is wanted") }
        return number
    }

    // MARK: Texts

    private mutating func text() throws(CommandFailure) -> String {
        take()
        var text = String.UnicodeScalarView()
        while let scalar = rest.first, scalar != "\"" {
            guard scalar.value >= 0x20 else { throw flaw("an end of the text is wanted") }
            take()
            text.append(scalar == "\\" ? try escaped() : scalar)
        }
        guard !rest.isEmpty else { throw flaw("an end of the text is wanted") }
        take()
        return String(text)
    }

    private mutating func escaped() throws(CommandFailure) -> Unicode.Scalar {
        let simple: [Unicode.Scalar: Unicode.Scalar] = [
            "\"": "\"", "\\": "\\", "/": "/", "b": "\u{8}", "f": "\u{C}", "n": "\n", "r": "\r", "t": "\t",
        ]
        guard let scalar = rest.first else { throw flaw("an end of the text is wanted") }
        if let plain = simple[scalar] {
            take()
            return plain
        }
        guard scalar == "u" else { throw flaw("one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u is wanted") }
        take()
        let unit = try hexadecimal()
        guard UTF16.isLeadSurrogate(unit) else {
            guard let scalar = Unicode.Scalar(unit) else {
                throw flaw("half a character is none: its other half is wanted")
            }
            return scalar
        }
        guard rest.starts(with: "\\u".unicodeScalars) else { throw flaw("the other half of the character is wanted") }
        take()
        take()
        let pair = try hexadecimal()
        guard UTF16.isTrailSurrogate(pair) else { throw flaw("the other half of the character is wanted") }
        return UTF16.decode(UTF16.EncodedScalar([unit, pair]))
    }

    private mutating func hexadecimal() throws(CommandFailure) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = rest.first.flatMap({ Character($0).isASCII ? Character($0).hexDigitValue : nil }) else {
                throw flaw("four hexadecimal digits are wanted")
            }
            unit = unit << 4 | UInt16(digit)
            take()
        }
        return unit
    }

    // MARK: Scalars

    /// Goes one on.
    private mutating func take() {
        let isLineEnd = rest.popFirst() == "\n"
        line += isLineEnd ? 1 : 0
        column = isLineEnd ? 1 : column + 1
    }

    /// Whether the next thing is this; then it is taken.
    private mutating func takes(_ scalar: Unicode.Scalar) throws(CommandFailure) -> Bool {
        try skipSpace()
        guard rest.first == scalar else { return false }
        take()
        return true
    }

    private mutating func skipSpace() throws(CommandFailure) {
        while let scalar = rest.first {
            switch scalar {
            case " ", "\t", "\n", "\r": take()
            case "/": try skipComment()
            default: return
            }
        }
    }

    private mutating func skipComment() throws(CommandFailure) {
        let start = self
        if rest.starts(with: "//".unicodeScalars) {
            while !rest.isEmpty, rest.first != "\n" { take() }
        } else if rest.starts(with: "/*".unicodeScalars) {
            take()
            take()
            while !rest.starts(with: "*/".unicodeScalars) {
                guard !rest.isEmpty else { throw start.flaw("an end of the comment is wanted") }
                take()
            }
            take()
            take()
        } else {
            throw flaw("a comment is wanted behind the slash")
        }
    }
}

/// A value of a configuration file, before anybody knows what it means.
enum ConfigurationValue: Sendable, Equatable {
    case null
    case flag(Bool)
    case number(Double)
    case text(String)
    case list([ConfigurationValue])
    case members([String: ConfigurationValue])

    /// What it is, for whoever wrote something else than was wanted.
    var kind: String {
        switch self {
        case .null: "null"
        case .flag(let flag): "\(flag)"
        case .number(let number): Int(exactly: number).map { "\($0)" } ?? "\(number)"
        case .text(let text): "\"\(text)\""
        case .list: "a list"
        case .members: "an object"
        }
    }
}
