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
