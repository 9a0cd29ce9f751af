/// Which bytes may stand where (RFC 9110 section 5.6).
extension UInt8 {
    /// A byte of a token (RFC 9110 section 5.6.2).
    var isToken: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"),
            UInt8(ascii: "%"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"),
            UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// A byte of a field value: space, tab, visible ASCII, or obs-text (RFC 9110 section 5.5).
    var isFieldContent: Bool { self == 0x09 || self >= 0x20 && self != 0x7F }

    /// Visible ASCII.
    var isVisible: Bool { self > 0x20 && self < 0x7F }

    var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }

    var isASCIILetter: Bool {
        asciiLowercased >= UInt8(ascii: "a") && asciiLowercased <= UInt8(ascii: "z")
    }

    /// The value of a hexadecimal digit.
    var hexValue: UInt8? {
        switch asciiLowercased {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): asciiLowercased - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    var asciiLowercased: UInt8 {
        self >= UInt8(ascii: "A") && self <= UInt8(ascii: "Z") ? self | 0x20 : self
    }

    /// The byte as messages show it: a character when it is visible, else `0x` and its number.
    var shown: String {
        let digits = String(self, radix: 16, uppercase: true)
        return isVisible ? "'\(Character(UnicodeScalar(self)))'" : "byte 0x\(digits.count == 1 ? "0" : "")\(digits)"
    }
}

extension String {
    /// Whether this is a token (RFC 9110 section 5.6.2).
    var isToken: Bool { !isEmpty && utf8.allSatisfy(\.isToken) }

    /// With ASCII letters in lower case, all else as it is.
    var asciiLowercased: String { String(decoding: utf8.map(\.asciiLowercased), as: UTF8.self) }
}
