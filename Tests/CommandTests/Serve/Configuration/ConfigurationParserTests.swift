import Testing

@testable import hansom

@Suite(.timeLimit(.minutes(2))) struct ConfigurationParserTests {
    private func parse(_ text: String) throws -> ConfigurationValue { try ConfigurationParser.parse(Array(text.utf8)) }

    @Test(arguments: [
        ("null", ConfigurationValue.null), (" true ", .flag(true)), ("false", .flag(false)), ("0", .number(0)),
        ("-1.5e2", .number(-150)), ("\"\"", .text("")), ("[]", .list([])), ("{}", .members([:])),
        ("[1, [2,],]", .list([.number(1), .list([.number(2)])])),
        ("{\"a\": {\"b\": null,},}", .members(["a": .members(["b": .null])])),
        ("// one\n/* two\n */ 3 // four", .number(3)), ("\"// none\"", .text("// none")),
        (#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00ü""#, .text("\"\\/\u{8}\u{C}\n\r\té😀ü")),
    ])
    func `reads JSON with comments and trailing commas`(text: String, value: ConfigurationValue) throws {
        #expect(try parse(text) == value)
    }

    @Test(arguments: [
        ("", "line 1, column 1: a value is wanted, not the end"),
        ("{\n  \"a\": 1\n  \"b\": 2\n}", "line 3, column 3: a comma or \"}\" is wanted, not \"\"\""),
        ("{\"a\" 1}", "a colon"), ("{a: 1}", "quotation marks"), ("[1 2]", "a comma"), ("{} {}", "nothing more"),
        ("tru", "a value"), ("01x", "nothing more"), ("-", "a number"), ("1e999", "a number"),
        ("{\"a\": 1, \"a\": 2}", "twice"),
        ("\"a", "an end of the text"), ("\"a\nb\"", "an end of the text"), (#""\x""#, "one of"),
        (#""\u12""#, "hexadecimal"),
        (#""\ud83d""#, "other half"), (#""\ud83d\u0041""#, "other half"), (#""\ude00""#, "half"),
        ("/* a", "end of the comment"),
        ("/", "slash"), (String(repeating: "[", count: 33), "32 levels"),
        (String(repeating: "[", count: 1_000_000), "32 levels"), ("[,]", "a value"), ("٣", "a number"),
    ])
    func `says what is wrong, and where`(text: String, part: String) throws {
        let error = #expect(throws: CommandFailure.self) { try parse(text) }
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
    }

    @Test func `refuses what is no UTF-8`() throws {
        #expect(throws: CommandFailure.self) { try ConfigurationParser.parse([0x22, 0xFF, 0x22]) }
    }
}
