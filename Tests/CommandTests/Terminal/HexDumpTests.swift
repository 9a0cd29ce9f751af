import Testing

@testable import hansom

@Suite(.timeLimit(.minutes(2))) struct HexDumpTests {
    @Test func `shows how many bytes and which`() {
        #expect(HexDump([]).description == "binary, 0 bytes:")
        #expect(HexDump([0, 10, 255]).description == "binary, 3 bytes: 00 0a ff")
    }

    @Test func `shows the beginning of many`() {
        let shown = HexDump([UInt8](repeating: 7, count: 1000)).description
        #expect(shown.hasPrefix("binary, 1000 bytes: 07 07"))
        #expect(shown.hasSuffix("07 ..."))
        #expect(shown.count < 1000)
    }
}
