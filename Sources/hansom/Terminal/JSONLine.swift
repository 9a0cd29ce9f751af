internal import WSProtocol

/// One line of JSON: an object, its members in the order in which they were added. No byte of it does anything to a
/// terminal.
struct JSONLine: CustomStringConvertible {
    private var members: [String] = []

    var description: String { "{\(members.joined(separator: ","))}" }

    mutating func add(_ name: String, _ text: String?) {
        guard let text else { return }
        members.append("\"\(name)\":\(JSONLine.quoted(text))")
    }

    mutating func add(_ name: String, _ number: Int?) {
        guard let number else { return }
        members.append("\"\(name)\":\(number)")
    }

    mutating func add(_ name: String, base64 bytes: [UInt8]) {
        members.append("\"\(name)\":\"\(Base64.encode(bytes))\"")
    }

    mutating func add(_ name: String, _ object: JSONLine) { members.append("\"\(name)\":\(object)") }

    /// RFC 8259 section 7; what a terminal would act on is escaped besides.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        Printable.forEachScalar(of: text) { scalar, isHarmful in
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where isHarmful:
                for unit in String(scalar).utf16 { result += escape(unit) }
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    private static func escape(_ unit: UInt16) -> String {
        let digits = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
}
