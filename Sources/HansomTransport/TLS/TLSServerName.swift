/// The host that a client wants to reach, in the form that TLS knows it.
enum TLSServerName: Sendable, Hashable {
    /// A host name: asked for (SNI) and looked for in the certificate, without a final dot.
    case host(String)
    /// An address: looked for in the certificate, and never asked for (RFC 6066 section 3).
    case address([UInt8])

    /// `nil` if the text is neither; in particular if a NUL or a space hides in it.
    init?(_ text: String) {
        if let bytes = IPLiteral.bytes(text) {
            self = .address(bytes)
            return
        }
        let name = text.hasSuffix(".") ? String(text.dropLast()) : text
        let isClean = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard isClean, (1...253).contains(name.utf8.count), !name.hasPrefix(".") else { return nil }
        self = .host(name)
    }
}
