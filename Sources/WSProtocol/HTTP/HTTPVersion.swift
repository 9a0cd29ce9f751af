/// The version in a start line (RFC 9112 section 2.3).
enum HTTPVersion {
    /// Whether the version is HTTP/1.1, the one that can be upgraded from (RFC 6455 section 4.1).
    ///
    /// - Throws: 400 when it is no HTTP version at all.
    static func isOneDotOne(_ bytes: ArraySlice<UInt8>) throws(HeadError) -> Bool {
        let bytes = Array(bytes)
        guard bytes.count == 8, bytes.starts(with: "HTTP/".utf8), bytes[5].isDigit, bytes[6] == UInt8(ascii: "."),
            bytes[7].isDigit
        else {
            throw .badRequest("start line without an HTTP version, such as HTTP/1.1 (RFC 9112 section 2.3)")
        }
        return bytes[5] == UInt8(ascii: "1") && bytes[7] == UInt8(ascii: "1")
    }

    static func unsupported(_ bytes: ArraySlice<UInt8>) -> HeadError {
        HeadError(
            status: 505,
            message: "\(String(decoding: bytes, as: UTF8.self)); only HTTP/1.1 is spoken (RFC 9110 section 15.6.6)")
    }
}
