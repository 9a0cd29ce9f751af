import HTTPTypes

extension HTTPFields {
    /// Whether these fields belong to a WebSocket upgrade, asked for or granted.
    var listsWebSocketUpgrade: Bool { lists("upgrade", in: .connection) && lists("websocket", in: .upgrade) }

    /// Whether a list field has `token` among its members, whatever the case of its letters (RFC 9110 section 5.6.1).
    func lists(_ token: String, in name: HTTPField.Name) -> Bool {
        self[values: name].contains { value in
            value.utf8.split(separator: UInt8(ascii: ",")).contains { member in
                member.trimmingWhitespace.equalsIgnoringASCIICase(token.utf8)
            }
        }
    }
}

extension BidirectionalCollection<UInt8> {
    /// Without the spaces and tabs at either end (RFC 9110 section 5.6.3).
    package var trimmingWhitespace: SubSequence {
        let isBlank: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard let last = lastIndex(where: { !isBlank($0) }) else { return self[startIndex..<startIndex] }
        return self[...last].drop(while: isBlank)
    }
}

extension Sequence<UInt8> {
    /// Whether the bytes are the same but for the case of ASCII letters.
    func equalsIgnoringASCIICase(_ other: some Sequence<UInt8>) -> Bool {
        elementsEqual(other) { $0.asciiLowercased == $1.asciiLowercased }
    }
}
