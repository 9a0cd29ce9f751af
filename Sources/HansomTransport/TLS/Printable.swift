/// Text from a peer, made safe for logs and terminals.
enum Printable {
    /// Printable ASCII as it is, all else as `\xHH`; what is longer than `limit` bytes ends in dots.
    static func text(_ bytes: some Collection<UInt8>, limit: Int = 256) -> String {
        var text = ""
        for byte in bytes.prefix(limit) {
            if (0x20..<0x7F).contains(byte) && byte != UInt8(ascii: "\\") {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                text += "\\x" + (digits.utf8.count == 1 ? "0" : "") + digits
            }
        }
        return bytes.count > limit ? text + "..." : text
    }
}
