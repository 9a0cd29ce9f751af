internal import FoundationEssentials

/// A JSON value of a configuration file, before anybody knows what it means.
enum ConfigurationValue: Decodable, Sendable {
    case null
    case flag(Bool)
    case number(Double)
    case text(String)
    case list([ConfigurationValue])
    case members([String: ConfigurationValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let list = try? container.decode([ConfigurationValue].self) {
            self = .list(list)
        } else {
            self = .members(try container.decode([String: ConfigurationValue].self))
        }
    }

    /// Reads JSON, with the comments and trailing commas of JSON5.
    init(json: [UInt8]) throws(CommandFailure) {
        let decoder = JSONDecoder()
        decoder.allowsJSON5 = true
        do {
            self = try decoder.decode(ConfigurationValue.self, from: Data(json))
        } catch DecodingError.dataCorrupted(let context) {
            let reason = context.underlyingError.map { "\($0)" } ?? context.debugDescription
            throw CommandFailure("it is no JSON: \(reason)")
        } catch {
            throw CommandFailure("it is no JSON: \(error)")
        }
    }

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
