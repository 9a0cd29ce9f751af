import Testing

@testable import HansomHTTP

@Suite(.timeLimit(.minutes(2))) struct IPv6LiteralTests {
    @Test(arguments: [
        "::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "fe80::1:2", "::ffff:192.0.2.1",
        "1:2:3:4:5:6:1.2.3.4", "64:ff9b::255.255.255.255", "ABCD::ef01",
    ])
    func `takes addresses`(text: String) {
        #expect(IPv6Literal.isValid(text))
    }

    @Test(arguments: [
        "", ":", ":::", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "1::2::3", "12345::", "g::",
        "::1.2.3",
        "::1.2.3.256", "::1.2.3.4.5", "1.2.3.4::", "::1.2.3.1000", "::1..2.3", "::1.2.3.04", "::1\u{0}", "::1\u{0}x",
        "::1 ", "::1.2.3.a", "1.2.3.4", "::%eth0",
        ":1::2", "1::2:",
        "1:2:3:4:5:6:7:1.2.3.4", "é::",
    ])
    func `refuses anything else`(text: String) {
        #expect(!IPv6Literal.isValid(text))
    }
}
