import HansomTesting
import HansomTransport
import Testing

@testable import WSServer

/// What the PROXY protocol's parser makes of headers, good and bad.
@Suite(.timeLimit(.minutes(2))) struct ProxyHeaderTests {
    /// A whole header, and what it says: source, destination, TLS.
    struct Good: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: [UInt8]
        var source: String?
        var destination: String?
        var isSecure: Bool?

        init(
            _ name: String, _ bytes: [UInt8], _ source: String? = nil, _ destination: String? = nil,
            isSecure: Bool? = nil
        ) {
            testDescription = name
            self.bytes = bytes
            self.source = source
            self.destination = destination
            self.isSecure = isSecure
        }

        init(line: String, _ source: String? = nil, _ destination: String? = nil) {
            self.init(line, Array("\(line)\r\n".utf8), source, destination)
        }
    }

    static func v2(_ command: UInt8, _ family: UInt8, _ block: [UInt8], length: Int? = nil) -> [UInt8] {
        let length = length ?? block.count
        return ProxyHeaderV2.signature + [command, family, UInt8(length >> 8), UInt8(length & 0xFF)] + block
    }

    static func tlv(_ type: UInt8, _ value: [UInt8]) -> [UInt8] {
        [type, UInt8(value.count >> 8), UInt8(value.count & 0xFF)] + value
    }

    static func path(_ text: String) -> [UInt8] {
        Array(text.utf8) + [UInt8](repeating: 0, count: 108 - text.utf8.count)
    }

    static let four: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 7, 0x1F, 0x90, 0x01, 0xBB]
    static let six: [UInt8] =
        [0x20, 1, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1] + [UInt8](repeating: 0, count: 15) + [
            1, 0, 80, 1, 0,
        ]

    /// With a checksum over the whole, as section 2.2.3 wants it.
    static var withChecksum: [UInt8] {
        var bytes = v2(0x21, 0x11, four + tlv(3, [0, 0, 0, 0]))
        let sum = CRC32C.checksum(of: bytes)
        bytes.replaceSubrange(
            (bytes.count - 4)..., with: (0..<4).map { UInt8(truncatingIfNeeded: sum >> (24 - 8 * $0)) })
        return bytes
    }

    static let good: [Good] = [
        Good(line: "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443", "192.0.2.1:56324", "198.51.100.7:443"),
        Good(line: "PROXY TCP4 255.255.255.255 255.255.255.255 65535 0", "255.255.255.255:65535", "255.255.255.255:0"),
        Good(line: "PROXY TCP6 2001:db8::1 ::1 1 65535", "[2001:db8::1]:1", "[::1]:65535"),
        Good(
            line:
                "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535",
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
        Good(line: "PROXY UNKNOWN"),
        Good(
            line:
                "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535"
        ),
        Good("v2 IPv4", v2(0x21, 0x11, four), "192.0.2.1:8080", "198.51.100.7:443"),
        Good("v2 IPv6", v2(0x21, 0x21, six), "[2001:db8::1]:80", "[::1]:256"),
        Good("v2 Unix", v2(0x21, 0x31, path("/run/a") + path("")), "unix:/run/a", "unix:"),
        Good(
            "v2 Unix, all of it", v2(0x21, 0x31, [UInt8](repeating: 0x2F, count: 216)),
            "unix:" + String(repeating: "/", count: 108), "unix:" + String(repeating: "/", count: 108)),
        Good("v2 LOCAL", v2(0x20, 0, [])),
        Good("v2 LOCAL with a block of anything", v2(0x20, 0xFF, [1, 2, 3])),
        Good("v2 UNSPEC", v2(0x21, 0, [])),
        Good("v2 UNSPEC with TLVs", v2(0x21, 0, tlv(4, [9, 9]))),
        Good(
            "v2 TLVs", v2(0x21, 0x11, four + tlv(1, Array("h2".utf8)) + tlv(0xE0, []) + tlv(4, [0])),
            "192.0.2.1:8080", "198.51.100.7:443"),
        Good(
            "v2 TLS", v2(0x21, 0x11, four + tlv(0x20, [1, 0, 0, 0, 0] + tlv(0x21, Array("TLSv1.3".utf8)))),
            "192.0.2.1:8080", "198.51.100.7:443", isSecure: true),
        Good(
            "v2 no TLS", v2(0x21, 0x11, four + tlv(0x20, [0, 0, 0, 0, 0])),
            "192.0.2.1:8080", "198.51.100.7:443", isSecure: false),
        Good("v2 checksum", withChecksum, "192.0.2.1:8080", "198.51.100.7:443"),
        Good("v2 longest", v2(0x20, 0, [UInt8](repeating: 7, count: 65_535))),
    ]

    @Test(arguments: good) func `reads a header of either version (S11)`(good: Good) throws {
        var parser = ProxyHeaderParser()
        let (consumed, header) = try parser.parse(good.bytes + [1, 2, 3])
        #expect(consumed == good.bytes.count)
        #expect(header?.ends?.source.description == good.source)
        #expect(header?.ends?.destination.description == good.destination)
        #expect(header != nil && header?.isSecure == good.isSecure)
    }

    @Test(arguments: good.filter { $0.bytes.count < 1_000 })
    func `reads the same wherever it is cut, and byte by byte (S11)`(good: Good) throws {
        let whole = try ProxyHeaderTests.parse([good.bytes])
        for cut in 0...good.bytes.count {
            #expect(try ProxyHeaderTests.parse([Array(good.bytes[..<cut]), Array(good.bytes[cut...])]) == whole)
        }
        #expect(try ProxyHeaderTests.parse(good.bytes.map { [$0] }) == whole)
    }

    /// The header that comes with the last of the pieces, and not before.
    static func parse(_ pieces: [[UInt8]]) throws -> ProxyHeader? {
        var parser = ProxyHeaderParser()
        var found: ProxyHeader?
        for piece in pieces where !piece.isEmpty {
            #expect(found == nil)
            let (consumed, header) = try parser.parse(piece)
            #expect(consumed == piece.count)
            found = header
        }
        return found
    }

    static let badLines = [
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324", "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 1",
        "PROXY  TCP4 192.0.2.1 198.51.100.7 56324 443", "PROXY TCP4 192.0.2.1  198.51.100.7 56324 443",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 ", "PROXY TCP4 192.0.2.1 198.51.100.7 65536 443",
        "PROXY TCP4 192.0.2.1 198.51.100.7 -1 443", "PROXY TCP4 192.0.2.1 198.51.100.7 +1 443",
        "PROXY TCP4 192.0.2.1 198.51.100.7 01 443", "PROXY TCP4 192.0.2.1 198.51.100.7 0x1 443",
        "PROXY TCP4 192.0.2.256 198.51.100.7 1 443", "PROXY TCP4 192.0.2 198.51.100.7 1 443",
        "PROXY TCP4 ::1 ::1 1 443", "PROXY TCP6 192.0.2.1 ::1 1 443", "PROXY TCP6 fe80::1%1 ::1 1 443",
        "PROXY TCP5 192.0.2.1 198.51.100.7 56324 443", "PROXY tcp4 192.0.2.1 198.51.100.7 56324 443",
        "PROXY TCP4 a\0 198.51.100.7 56324 443", "PROXY UNKNOWNS", "PROXY ", "PROXY \u{FF}\u{FE}",
        "PROXY TCP4 192.0.2.1\r198.51.100.7 56324 443",
    ]

    static let bad: [[UInt8]] =
        badLines.map { Array("\($0)\r\n".utf8) } + [
            Array("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\n".utf8), Array("PROXY \n".utf8),
            Array("PROXY UNKNOWN \(String(repeating: "x", count: 93))".utf8),
            Array("GET / HTTP/1.1\r\n\r\n".utf8), Array("PROXy".utf8), Array("PROXY\r\n".utf8), [0x16, 3, 1],
            [0x0D, 0x0A, 0x0D, 0x0A, 1], [0],
            v2(0x11, 0x11, four), v2(0x22, 0x11, four), v2(0x2F, 0x11, four), v2(0x31, 0x11, four),
            v2(0x21, 0x12, four), v2(0x21, 0x10, four), v2(0x21, 0x41, four), v2(0x21, 0x01, four), v2(0x21, 0x22, six),
            v2(0x21, 0x11, four, length: 11), v2(0x21, 0x11, [], length: 0), v2(0x21, 0x21, four),
            v2(0x21, 0x31, six),
            v2(0x21, 0x11, four + [4]), v2(0x21, 0x11, four + [4, 0]), v2(0x21, 0x11, four + [4, 0, 1]),
            v2(0x21, 0x11, four + [4, 0xFF, 0xFF, 1]), v2(0x21, 0x11, four + tlv(4, [1]) + [0x20, 0, 9, 1]),
            v2(0x21, 0x11, four + tlv(3, [1, 2, 3, 4])), v2(0x21, 0x11, four + tlv(3, [1, 2, 3])),
            withChecksum.dropLast() + [withChecksum[withChecksum.count - 1] ^ 1],
        ]

    @Test(arguments: bad) func `refuses what is no header, and says why (S11)`(bytes: [UInt8]) {
        var parser = ProxyHeaderParser()
        let error = #expect(throws: ProxyHeader.Malformed.self) { try parser.parse(bytes) }
        #expect(error?.description.hasPrefix("PROXY protocol: ") == true)
        // The same verdict byte by byte: it does not depend on how the bytes came.
        var slow = ProxyHeaderParser()
        #expect(throws: ProxyHeader.Malformed.self) { for byte in bytes { _ = try slow.parse([byte]) } }
    }

    @Test func `is not trapped by any bytes, nor holds more than has come (S11)`() {
        var random = SplitMix(seed: 7)
        let heads = [ProxyHeaderV1.signature, ProxyHeaderV2.signature, ProxyHeaderV2.signature + [0x21, 0x11], []]
        for round in 0..<20_000 {
            var bytes = heads[round % heads.count]
            if round % 5 == 0 { bytes = Self.good[round % Self.good.count].bytes.prefix(300) + [] }
            for _ in 0..<Int(random.next() % 4) where !bytes.isEmpty {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            bytes += (0..<Int(random.next() % 80)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            var parser = ProxyHeaderParser()
            let taken = try? parser.parse(bytes).consumed
            #expect(taken ?? 0 <= bytes.count)
        }
    }

    @Test func `has the checksum of the book (S11)`() {
        #expect(CRC32C.checksum(of: "123456789".utf8) == 0xE306_9283)
    }
}
