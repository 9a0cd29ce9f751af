/// The key of a handshake and the answer to it (RFC 6455 sections 4.1 and 4.2.2).
enum HandshakeKey {
    /// How many random bytes a key stands for.
    static let byteCount = 16

    /// Whether `text` is the base64 of exactly 16 bytes.
    static func isValid(_ text: String) -> Bool { Base64.decode(text)?.count == byteCount }

    /// The `Sec-WebSocket-Accept` for a key.
    static func accept(_ key: String) -> String {
        Base64.encode(SHA1.digest(of: Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)))
    }
}
