/// Text from elsewhere, such that a terminal shows it and does nothing else.
///
/// Control characters (C0, DEL, C1) could move the cursor, recolour, rename the window or type for the user; bidirectional
/// controls show text in another order than it has; line breaks forge lines; what nobody sees (zero-width characters, tags,
/// variation selectors, fillers) makes texts differ that look the same, and carries hidden ones. All of them are shown as one
/// would write them in a string: `\n`, `\u{1B}`. Everything else stays, and so do the joiners and selectors that
/// belong to an emoji or to a script that needs them.
struct Printable: CustomStringConvertible {
    let description: String

    init(_ text: String) {
        guard !text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            description = text
            return
        }
        var shown = String.UnicodeScalarView()
        Printable.forEachScalar(of: text) { scalar, isHarmful in
            if isHarmful {
                shown.append(contentsOf: Printable.escape(scalar).unicodeScalars)
            } else {
                shown.append(scalar)
            }
        }
        description = String(shown)
    }

    /// Goes through a text.
    ///
    /// - Parameter body: is given each scalar, and whether a terminal, or a reader, could be misled by it where it stands.
    static func forEachScalar(of text: String, _ body: (Unicode.Scalar, Bool) -> Void) {
        var previous: Unicode.Scalar?
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            body(scalar, isHarmful(scalar, after: previous, before: rest.first))
            previous = scalar
        }
    }

    private static func isHarmful(
        _ scalar: Unicode.Scalar, after previous: Unicode.Scalar?, before next: Unicode.Scalar?
    ) -> Bool {
        switch scalar.value {
        case 0x20...0x7E: false
        case 0...0x9F: true
        // Marks of interlinear annotation.
        case 0xFFF9...0xFFFB: true
        // Joiners: between two that can be joined.
        case 0x200C, 0x200D: !(previous.map(isJoinable) == true && next.map(isJoinable) == true)
        // One selector behind what it selects a form of; the last 240 are for ideographs.
        case 0xFE00...0xFE0F: previous.map(hasForms) != true
        case 0xE0100...0xE01EF: previous?.properties.isIdeographic != true
        default:
            switch scalar.properties.generalCategory {
            case .lineSeparator, .paragraphSeparator: true
            default: scalar.properties.isBidiControl || scalar.properties.isDefaultIgnorableCodePoint
            }
        }
    }

    /// Whether a joiner beside it can be seen: letters of scripts that join, their marks, and emoji with their selector.
    private static func isJoinable(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value == 0xFE0F || scalar.value >= 0x300 && !scalar.properties.isDefaultIgnorableCodePoint
    }

    private static func hasForms(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isEmoji || scalar.value >= 0x300 && !scalar.properties.isDefaultIgnorableCodePoint
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
