/// Text from elsewhere, such that a terminal shows it and does nothing else.
///
/// Control characters (C0, DEL, C1) could move the cursor, recolour, rename the window or type for the user; bidirectional
/// overrides show text in another order than it has; line breaks forge lines. All of them are shown as one would write
/// them in a string: `\n`, `\u{1B}`. Everything else, emoji and their joiners included, stays.
struct Printable: CustomStringConvertible {
    let description: String

    init(_ text: String) {
        guard text.unicodeScalars.contains(where: Printable.isHarmful) else {
            description = text
            return
        }
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if Printable.isHarmful(scalar) {
                shown.append(contentsOf: Printable.escape(scalar).unicodeScalars)
            } else {
                shown.append(scalar)
            }
        }
        description = String(shown)
    }

    /// Whether a terminal, or a reader, could be misled by it.
    static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20...0x7E: false
        case 0...0x9F: true
        default:
            switch scalar.properties.generalCategory {
            case .lineSeparator, .paragraphSeparator: true
            default: scalar.properties.isBidiControl
            }
        }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
        }
    }
}
