/// What others have written, fit to stand between quotation marks on one line of a log or a terminal.
///
/// Only visible ASCII and spaces are left as they are. All else is escaped: control characters of both sets move cursors and end
/// lines, so do U+0085, U+2028 and U+2029, bidirectional overrides and tags show what is not there or hide what is, and
/// nobody knows what the next version of Unicode adds. No log of ours escapes in any other place.
package enum LogText {
    /// How it is escaped.
    package enum Notation: Sendable {
        /// `\xHH` for each byte, as web servers write.
        case bytes
        /// `\uHHHH` for each unit of UTF-16 (RFC 8259 section 7): whoever reads the JSON has the text as it was.
        case json
    }

    /// Bytes of one field of a log: whoever writes into it shall not fill a disk.
    package static let longestField = 1024

    /// - Parameter limit: how many bytes are kept; dots stand for the rest.
    package static func escaped(_ text: String, _ notation: Notation, atMost limit: Int = .max) -> String {
        var line = ""
        var count = 0
        for scalar in text.unicodeScalars {
            count += UTF8.width(scalar)
            guard count <= limit else { return line + "..." }
            switch scalar {
            case "\"", "\\":
                line += "\\"
                line.unicodeScalars.append(scalar)
            case " "..."~": line.unicodeScalars.append(scalar)
            default: line += escape(scalar, notation)
            }
        }
        return line
    }

    private static func escape(_ scalar: Unicode.Scalar, _ notation: Notation) -> String {
        switch notation {
        case .bytes: String(scalar).utf8.map { "\\x" + digits(UInt32($0), 2).uppercased() }.joined()
        case .json: String(scalar).utf16.map { "\\u" + digits(UInt32($0), 4) }.joined()
        }
    }

    private static func digits(_ value: UInt32, _ count: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, count - digits.utf8.count)) + digits
    }
}
