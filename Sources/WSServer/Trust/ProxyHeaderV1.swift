internal import HansomTransport

/// Version 1 of the PROXY protocol: one line of text (section 2.1).
enum ProxyHeaderV1 {
    static let signature = Array("PROXY ".utf8)

    /// - Parameter line: with the signature, up to and with its line feed.
    static func header(_ line: [UInt8]) throws(ProxyHeader.Malformed) -> ProxyHeader {
        guard line.suffix(2) == [UInt8(ascii: "\r"), UInt8(ascii: "\n")] else {
            throw .init("line of version 1 that does not end with CR LF (section 2.1)")
        }
        let words = line.dropFirst(signature.count).dropLast(2)
            .split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        // "the receiver must ignore anything presented before the CRLF" behind UNKNOWN.
        if words.first == "UNKNOWN" { return ProxyHeader() }
        guard words.count == 5, let isSix = ["TCP4": false, "TCP6": true][words[0]] else {
            throw .init("line of version 1 that is not TCP4, TCP6 or UNKNOWN, two addresses, two ports (section 2.1)")
        }
        let source = try address(words[1], words[3], isSix: isSix)
        let destination = try address(words[2], words[4], isSix: isSix)
        return ProxyHeader(ends: .init(source: source, destination: destination))
    }

    private static func address(
        _ host: String, _ portText: String, isSix: Bool
    ) throws(ProxyHeader.Malformed) -> SocketAddress {
        // A zone would mean something on the proxy's machine only.
        guard let port = port(portText), !host.utf8.contains(UInt8(ascii: "%")),
            let address = SocketAddress(numeric: host, port: port), (address.bytes.count == 16) == isSix
        else { throw .init("address or port of version 1 that is none of its family (section 2.1)") }
        return address
    }

    /// "a decimal number in the range [0..65535]", "without leading zeros".
    private static func port(_ text: String) -> UInt16? {
        let isNumber = (1...5).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
        guard isNumber, text == "0" || !text.hasPrefix("0") else { return nil }
        return UInt16(text)
    }
}
