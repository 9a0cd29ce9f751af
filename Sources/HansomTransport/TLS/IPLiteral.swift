import Glibc

/// IP addresses written as text.
enum IPLiteral {
    /// The 4 or 16 bytes of an address literal (a bracketed one and one with a zone included); `nil` for a host name.
    static func bytes(_ host: String) -> [UInt8]? {
        var text = Substring(host)
        if text.hasPrefix("["), text.hasSuffix("]") { text = text.dropFirst().dropLast() }
        if text.contains(":"), let zone = text.firstIndex(of: "%") { text = text[..<zone] }
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            // Safety: the buffer is as long as `inet_pton` fills for the family.
            if unsafe inet_pton(family, String(text), &bytes) == 1 { return bytes }
        }
        return nil
    }

    /// The text of an address of 4 or 16 bytes.
    static func text(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        guard bytes.count == 4 || bytes.count == 16 else { return "an address of \(bytes.count) bytes" }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        // Safety: `bytes` is as long as the family asks for, and `text` as long as any address.
        guard unsafe inet_ntop(family, bytes.baseAddress, &text, socklen_t(text.count)) != nil else { return "?" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
