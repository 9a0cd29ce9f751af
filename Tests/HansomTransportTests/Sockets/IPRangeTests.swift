import Testing

@testable import HansomTransport

/// Which addresses a range has.
@Suite(.timeLimit(.minutes(2))) struct IPRangeTests {
    @Test(
        arguments: [
            ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.9.9.9/8", "10.0.0.1", true),
            ("10.0.0.0/9", "10.127.255.255", true), ("10.0.0.0/9", "10.128.0.0", false),
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("192.0.2.1/31", "192.0.2.0", true),
            ("0.0.0.0/0", "8.8.8.8", true), ("0.0.0.0/0", "::1", false), ("::/0", "8.8.8.8", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false),
            ("[2001:db8::]/32", "2001:db8::1", true), ("[::1]", "::1", true), ("::1/128", "::1", true),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "::ffff:10.1.2.3", true), ("::ffff:10.0.0.1", "10.0.0.1", true),
            ("::ffff:0:0/96", "1.2.3.4", true), ("fe80::/10", "fe80::1%1", true),
        ] as [(String, String, Bool)])
    func `has the addresses with its first bits (S11)`(range: String, host: String, isInside: Bool) throws {
        let address = try #require(SocketAddress(numeric: host, port: 80))
        #expect(try IPRange(range).contains(address) == isInside)
    }

    @Test(arguments: [
        "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0/8", "::/129",
        "::1/0x8", "host/8", "host", "10.0.0.0/0008", "10.0.0.0 /8", "10.0.0.0/8 ", "[::1", "10.0.0.1\0",
    ])
    func `refuses what is no range, and says what is (S11)`(text: String) {
        let error = #expect(throws: IPRange.Malformed.self) { try IPRange(text) }
        #expect(error?.description.contains("10.0.0.0/8") == true)
    }

    @Test func `has the peers of Unix-domain sockets only when told (S11)`() throws {
        #expect(try IPRange.unixSockets.contains(.unix(path: "")) && IPRange("unix") == .unixSockets)
        #expect(try !IPRange("0.0.0.0/0").contains(.unix(path: "")))
        let address = try #require(SocketAddress(numeric: "::1", port: 1))
        #expect(!IPRange.unixSockets.contains(address) && IPRange(address).contains(address))
        #expect(![IPRange.unixSockets].covers(nil) && [IPRange.unixSockets].covers(.unix(path: "/a")))
    }

    @Test(arguments: [
        ("10.1.2.3/8", "10.0.0.0/8"), ("::1", "::1"), ("2001:db8::/32", "2001:db8::/32"), ("unix", "unix"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"), ("1.2.3.4/32", "1.2.3.4"),
    ])
    func `is written as it is read (S11)`(text: String, shown: String) throws {
        #expect(try IPRange(text).description == shown)
        #expect(try IPRange(shown) == IPRange(text))
    }
}
