extension WebSocket.Message {
    /// The message in parts of at most `size` bytes, at least one of them. Text is cut between characters (Unicode
    /// scalars), so `size` must be 4 or more.
    func parts(of size: Int) -> [WebSocket.Message] {
        guard byteCount > size else { return [self] }
        return switch self {
        case .binary(let bytes):
            stride(from: 0, to: bytes.count, by: size).map { start in
                .binary(Array(bytes[start..<Swift.min(start + size, bytes.count)]))
            }
        case .text(let text): WebSocket.Message.parts(of: text, size)
        }
    }

    private static func parts(of text: String, _ size: Int) -> [WebSocket.Message] {
        var parts: [WebSocket.Message] = []
        var rest = text.utf8[...]
        while let end = rest.index(rest.startIndex, offsetBy: size, limitedBy: rest.endIndex), end < rest.endIndex {
            var cut = end
            while rest[cut] & 0xC0 == 0x80 { cut = rest.index(before: cut) }
            parts.append(.text(String(Substring(rest[..<cut]))))
            rest = rest[cut...]
        }
        parts.append(.text(String(Substring(rest))))
        return parts
    }
}
