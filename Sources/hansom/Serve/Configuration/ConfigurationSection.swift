/// An object of a configuration file, whose settings are asked for by name. What is wrong is said with the place where it
/// stands: `listen[0].port 70000; 0 to 65535 are allowed`.
struct ConfigurationSection {
    /// Where it stands; empty for the whole file.
    private let path: String
    private let members: [String: ConfigurationValue]

    /// - Parameter names: the settings that it may have. Any other is an error: a misspelt limit would be none.
    init(_ value: ConfigurationValue, at path: String = "", allowing names: [String]) throws(CommandFailure) {
        self.path = path
        guard case .members(let members) = value else {
            throw CommandFailure("\(path.isEmpty ? "the file" : path) is \(value.kind); an object is wanted")
        }
        self.members = members
        for name in members.keys.sorted() where !names.contains(name) {
            let place = path.isEmpty ? name : "\(path).\(name)"
            throw CommandFailure("\(place) is no setting; allowed are \(names.joined(separator: ", "))")
        }
    }

    /// Whether it has the setting.
    func has(_ name: String) -> Bool { members[name] != nil }

    func place(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    /// What to throw about a setting.
    func flaw(_ name: String, _ wanted: String) -> CommandFailure {
        CommandFailure("\(place(name)) is \(members[name]?.kind ?? "missing"); \(wanted)")
    }

    // MARK: Settings

    func text(_ name: String) throws(CommandFailure) -> String? {
        switch members[name] {
        case nil: return nil
        case .text(let text)? where !text.isEmpty: return text
        default: throw flaw(name, "a text is wanted")
        }
    }

    /// A text that must be there.
    func needed(_ name: String) throws(CommandFailure) -> String {
        guard let text = try text(name) else { throw flaw(name, "a text is wanted") }
        return text
    }

    func texts(_ name: String) throws(CommandFailure) -> [String]? {
        guard let value = members[name] else { return nil }
        guard case .list(let values) = value else { throw flaw(name, "a list of texts is wanted") }
        var texts: [String] = []
        for value in values {
            guard case .text(let text) = value else { throw flaw(name, "a list of texts is wanted") }
            texts.append(text)
        }
        return texts
    }

    func flag(_ name: String) throws(CommandFailure) -> Bool? {
        switch members[name] {
        case nil: return nil
        case .flag(let flag)?: return flag
        default: throw flaw(name, "true or false is wanted")
        }
    }

    func integer(_ name: String, _ allowed: ClosedRange<Int>) throws(CommandFailure) -> Int? {
        guard let value = members[name] else { return nil }
        guard case .number(let number) = value, let integer = Int(exactly: number), allowed.contains(integer) else {
            throw flaw(name, "\(allowed.lowerBound) to \(allowed.upperBound) are allowed")
        }
        return integer
    }

    /// A time in seconds.
    func time(_ name: String) throws(CommandFailure) -> Duration? {
        guard let value = members[name] else { return nil }
        guard case .number(let seconds) = value, seconds > 0, seconds <= 1_000_000 else {
            throw flaw(name, "seconds are wanted, more than 0 and at most 1000000")
        }
        return .seconds(seconds)
    }

    /// A time in seconds, or `null` for no limit; the outer `nil` when nothing is said.
    func timeOrNever(_ name: String) throws(CommandFailure) -> Duration?? {
        if case .null? = members[name] { return .some(nil) }
        return try time(name).map { .some($0) }
    }

    // MARK: What has parts

    func section(_ name: String, allowing names: [String]) throws(CommandFailure) -> ConfigurationSection? {
        guard let value = members[name] else { return nil }
        return try ConfigurationSection(value, at: place(name), allowing: names)
    }

    func sections(_ name: String, allowing names: [String]) throws(CommandFailure) -> [ConfigurationSection]? {
        guard let value = members[name] else { return nil }
        guard case .list(let values) = value, !values.isEmpty else { throw flaw(name, "a list of objects is wanted") }
        var sections: [ConfigurationSection] = []
        for (index, value) in values.enumerated() {
            sections.append(try ConfigurationSection(value, at: "\(place(name))[\(index)]", allowing: names))
        }
        return sections
    }

    /// The members of a setting whose names are free, in order.
    func entries(_ name: String) throws(CommandFailure) -> [(name: String, value: ConfigurationValue)] {
        guard let value = members[name] else { return [] }
        guard case .members(let entries) = value else { throw flaw(name, "an object is wanted") }
        return entries.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
