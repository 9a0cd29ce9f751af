import Testing

@testable import hansom

@Suite(.timeLimit(.minutes(2))) struct ColorTests {
    @Test(
        arguments: [
            (.auto, true, nil, "xterm", true), (.auto, true, "", "xterm", true), (.auto, true, nil, nil, true),
            (.auto, true, "1", "xterm", false), (.auto, true, nil, "dumb", false), (.auto, false, nil, "xterm", false),
            (.always, false, "1", "dumb", true), (.never, true, nil, "xterm", false),
        ] as [(ColorChoice, Bool, String?, String?, Bool)])
    func `colours are for terminals, unless somebody says otherwise`(
        choice: ColorChoice, isTerminal: Bool, noColor: String?, term: String?, expected: Bool
    ) {
        #expect(choice.colours(isTerminal: isTerminal, noColor: noColor, term: term) == expected)
    }

    @Test func `paints, or leaves as it is`() {
        #expect(Palette(isOn: true).paint("x", .sent) == "\u{1B}[32mx\u{1B}[0m")
        #expect(Palette(isOn: false).paint("x", .sent) == "x")
    }
}
