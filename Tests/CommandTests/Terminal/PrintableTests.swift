import Testing

@testable import hansom

@Suite(.timeLimit(.minutes(2))) struct PrintableTests {
    @Test(arguments: [
        ("\u{1B}[31mred\u{1B}[0m", "\\u{1B}[31mred\\u{1B}[0m"),
        ("\u{1B}]0;title\u{07}", "\\u{1B}]0;title\\u{7}"),
        ("a\nb\rc\td", "a\\nb\\rc\\td"),
        ("a\r\nb", "a\\r\\nb"),
        ("\u{0}\u{8}\u{7F}", "\\u{0}\\u{8}\\u{7F}"),
        ("\u{80}\u{9B}31m\u{9F}", "\\u{80}\\u{9B}31m\\u{9F}"),
        ("\u{202E}txt.exe", "\\u{202E}txt.exe"),
        ("\u{2066}a\u{2069}\u{200E}\u{200F}\u{61C}", "\\u{2066}a\\u{2069}\\u{200E}\\u{200F}\\u{61C}"),
        ("a\u{2028}b\u{2029}c", "a\\u{2028}b\\u{2029}c"),
        ("pass\u{200B}word", "pass\\u{200B}word"), ("a\u{2060}\u{FEFF}\u{AD}b", "a\\u{2060}\\u{FEFF}\\u{AD}b"),
        ("a\u{200D}b\u{200C}", "a\\u{200D}b\\u{200C}"), ("\u{E0041}\u{E007F}x", "\\u{E0041}\\u{E007F}x"),
        ("a\u{FE01}b", "a\\u{FE01}b"), ("😀\u{FE0F}\u{FE00}\u{E0100}", "😀\u{FE0F}\\u{FE00}\\u{E0100}"),
        ("\u{3164}\u{115F}\u{034F}\u{180E}", "\\u{3164}\\u{115F}\\u{34F}\\u{180E}"),
        ("\u{FFF9}a\u{FFFB}", "\\u{FFF9}a\\u{FFFB}"),
        ("می\u{200C}\u{200C}خ", "می\\u{200C}\\u{200C}خ"),
        ("e\u{1B}\u{301}", "e\\u{1B}\u{301}"),
    ])
    func `escapes what a terminal would act on (T36)`(text: String, shown: String) {
        #expect(Printable(text).description == shown)
    }

    @Test func `escapes every C0 and C1 control, and DEL (T36)`() {
        for value in Array(UInt8(0)...0x1F) + Array(0x7F...0x9F) {
            let shown = Printable("a\(Unicode.Scalar(value))b").description
            #expect(shown.unicodeScalars.allSatisfy { (0x20...0x7E).contains($0.value) })
        }
    }

    @Test(arguments: [
        "", "plain text, ~!", "Grüße, 世界", "👩‍👩‍👧 🇨🇭 é", "C:\\folder", "עברית العربية", "\u{A0}",
        "می\u{200C}خواهم", "क्\u{200D}ष", "❤️‍🔥 1️⃣ ©️", "葛\u{E0100}", "\u{600}1",
    ])
    func `leaves everything else as it is (T36)`(text: String) {
        #expect(Printable(text).description == text)
    }
}
