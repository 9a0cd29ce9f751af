import HTTPTypes

extension ResponseHead {
    /// The head on the wire (RFC 9112 section 4).
    package var bytes: [UInt8] {
        Array("HTTP/1.1 \(status) \(reasonPhrase)\r\n".utf8) + fields.bytes
    }
}

extension RequestHead {
    /// The head on the wire (RFC 9112 section 3).
    package var bytes: [UInt8] {
        Array("\(method.rawValue) \(target) HTTP/1.\(isHTTP10 ? 0 : 1)\r\n".utf8) + fields.bytes
    }
}

extension HTTPFields {
    /// The field lines and the empty line behind them (RFC 9112 section 5). Values keep the bytes they came with, but for
    /// those that would end a line or a string: whatever a program was talked into, it writes one field.
    fileprivate var bytes: [UInt8] {
        var bytes: [UInt8] = []
        for field in self {
            bytes += Array("\(field.name.rawName): ".utf8)
            unsafe field.withUnsafeBytesOfValue {
                unsafe bytes.append(contentsOf: $0.lazy.map { $0.isFieldContent ? $0 : UInt8(ascii: " ") })
            }
            bytes += Array("\r\n".utf8)
        }
        return bytes + Array("\r\n".utf8)
    }
}
