internal import Glibc
package import HTTPTypes
internal import Synchronization

/// The field lines of a head as they came, each checked: the names and values lie in one run of bytes, and are looked
/// for there.
///
/// Whether a request may become a WebSocket is decided by seven fields, and nobody may ever ask for the others. So no
/// `String` is made of any; `fields`, which a program asks, are made the first time.
package final class FieldLines: Sendable {
    /// Lines as they are gathered.
    struct Gathered: Sendable {
        fileprivate var bytes: [UInt8] = []
        fileprivate var places: [Place] = []

        /// - Parameter expected: about how many bytes will come, so that it need not grow.
        mutating func append(_ name: Span<UInt8>, _ value: Span<UInt8>, expecting expected: Int) {
            if places.isEmpty {
                places.reserveCapacity(16)
                bytes.reserveCapacity(min(max(expected, name.count + value.count), 4096))
            }
            // Safety: the memory is read during the calls.
            unsafe name.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
            let nameEnd = bytes.count
            unsafe value.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
            places.append(Place(name: Name(name), nameEnd: nameEnd, end: bytes.count))
        }
    }

    /// The fields that this library looks for itself.
    package enum Name: UInt8, Sendable {
        case connection, contentLength, expect, host, origin, transferEncoding, upgrade
        case secWebSocketExtensions, secWebSocketKey, secWebSocketProtocol, secWebSocketVersion
        case other

        /// In lower case.
        var text: String {
            switch self {
            case .connection: "connection"
            case .contentLength: "content-length"
            case .expect: "expect"
            case .host: "host"
            case .origin: "origin"
            case .transferEncoding: "transfer-encoding"
            case .upgrade: "upgrade"
            case .secWebSocketExtensions: "sec-websocket-extensions"
            case .secWebSocketKey: "sec-websocket-key"
            case .secWebSocketProtocol: "sec-websocket-protocol"
            case .secWebSocketVersion: "sec-websocket-version"
            case .other: ""
            }
        }

        /// What a name is, whatever the case of its letters. Their lengths tell most of them apart.
        fileprivate init(_ name: Span<UInt8>) {
            let (first, second): (Name, Name) =
                switch name.count {
                case 4: (.host, .other)
                case 6: (.origin, .expect)
                case 7: (.upgrade, .other)
                case 10: (.connection, .other)
                case 14: (.contentLength, .other)
                case 17: (.secWebSocketKey, .transferEncoding)
                case 21: (.secWebSocketVersion, .other)
                case 22: (.secWebSocketProtocol, .other)
                case 24: (.secWebSocketExtensions, .other)
                default: (.other, .other)
                }
            if first != .other, Name.isSame(name, first) {
                self = first
            } else if second != .other, Name.isSame(name, second) {
                self = second
            } else {
                self = .other
            }
        }

        private static func isSame(_ bytes: Span<UInt8>, _ name: Name) -> Bool {
            let text = name.text
            return bytes.isLowercased(bytes.indices, text.utf8.span)
        }
    }

    /// Where a line's name and value end. It begins where the one before it ends.
    fileprivate struct Place: Sendable {
        let name: Name
        let nameEnd: Int
        let end: Int
    }

    private final class Made: Sendable {
        let fields: HTTPFields
        init(_ fields: HTTPFields) { self.fields = fields }
    }

    package static let none = FieldLines(Gathered())

    private let bytes: [UInt8]
    private let places: [Place]
    private let made = AtomicLazyReference<Made>()

    init(_ gathered: Gathered) {
        bytes = gathered.bytes
        places = gathered.places
    }

    /// The lines that these fields would be.
    init(_ fields: HTTPFields) {
        var gathered = Gathered()
        for field in fields {
            var name = field.name.rawName
            name.withUTF8 { name in
                unsafe field.withUnsafeBytesOfValue { value in
                    unsafe gathered.append(
                        Span(_unsafeElements: name), Span(_unsafeElements: value), expecting: 0)
                }
            }
        }
        bytes = gathered.bytes
        places = gathered.places
        _ = made.storeIfNil(Made(fields))
    }

    /// The same for a program, made when it is first asked for.
    package var fields: HTTPFields {
        if let made = made.load() { return made.fields }
        return made.storeIfNil(Made(makeFields())).fields
    }

    private func makeFields() -> HTTPFields {
        var fields = HTTPFields()
        var start = 0
        for place in places {
            // It was seen to be a token.
            if let name = HTTPField.Name(String(decoding: bytes[start..<place.nameEnd], as: UTF8.self)) {
                fields.append(HTTPField(name: name, lenientValue: bytes[place.nameEnd..<place.end]))
            }
            start = place.end
        }
        return fields
    }

    // MARK: By name

    /// Where the value of the next field of a name is.
    ///
    /// - Parameter line: how far the lines were looked through.
    private func next(_ name: Name, _ line: inout Int) -> Range<Int>? {
        while line < places.count {
            let place = places[line]
            line += 1
            if place.name == name { return place.nameEnd..<place.end }
        }
        return nil
    }

    /// How many fields have a name.
    func count(of name: Name) -> Int {
        var (line, count) = (0, 0)
        while next(name, &line) != nil { count += 1 }
        return count
    }

    package func contains(_ name: Name) -> Bool {
        var line = 0
        return next(name, &line) != nil
    }

    /// The value of a field, that of several with one name as one list; `nil` without any.
    package func value(of name: Name) -> ArraySlice<UInt8>? {
        var line = 0
        guard let first = next(name, &line) else { return nil }
        guard var another = next(name, &line) else { return bytes[first] }
        var list = Array(bytes[first])
        while true {
            list += ", ".utf8
            list += bytes[another]
            guard let next = next(name, &line) else { return list[...] }
            another = next
        }
    }

    /// The bytes of such a value, one after the other; of a field that is not there, none.
    package func bytes(of name: Name) -> FieldBytes { FieldBytes(value(of: name) ?? []) }

    /// The value of a field as text, that of several with one name as one list; `nil` without any.
    package func text(of name: Name) -> String? {
        value(of: name).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether a list field has `token` among its members, whatever the case of its letters (RFC 9110 section 5.6.1).
    ///
    /// - Parameter token: in lower case.
    package func lists(_ token: String, in name: Name) -> Bool {
        let wanted = token.utf8.span
        let bytes = bytes
        let all = bytes.span
        var line = 0
        while let value = next(name, &line) {
            var start = value.lowerBound
            while start <= value.upperBound {
                var end = start
                while end < value.upperBound, all[end] != UInt8(ascii: ",") { end += 1 }
                if all.isLowercased(all.trimmed(start..<end), wanted) { return true }
                start = end + 1
            }
        }
        return false
    }
}

/// Bytes of a field, for a parser that pulls them.
package struct FieldBytes: IteratorProtocol {
    private let bytes: ArraySlice<UInt8>
    private var index: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        index = bytes.startIndex
    }

    package mutating func next() -> UInt8? {
        guard index < bytes.endIndex else { return nil }
        defer { index += 1 }
        return bytes[index]
    }
}

extension Span<UInt8> {
    /// Whether what is there is `other`, which has no capitals, once it has none itself.
    func isLowercased(_ range: Range<Int>, _ other: Span<UInt8>) -> Bool {
        guard range.count == other.count else { return false }
        for index in other.indices where self[range.lowerBound + index].asciiLowercased != other[index] { return false }
        return true
    }

    /// Whether what is there is `other`, byte by byte.
    func isExactly(_ range: Range<Int>, _ other: String) -> Bool {
        let other = other.utf8.span
        guard range.count == other.count else { return false }
        for index in other.indices where self[range.lowerBound + index] != other[index] { return false }
        return true
    }

    /// Without the spaces and tabs at either end (RFC 9110 section 5.6.3).
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, self[start].isBlank { start += 1 }
        while start < end, self[end - 1].isBlank { end -= 1 }
        return start..<end
    }

    /// The bytes as text; what is no UTF-8 is replaced.
    var text: String {
        // Safety: the memory is read during the call.
        unsafe withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }

    func firstIndex(of byte: UInt8, from start: Int = 0) -> Int? {
        guard start < count else { return nil }
        // Safety: the memory is read during the call, from `start` to its end.
        return unsafe withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress,
                let found = unsafe memchr(base + start, Int32(byte), bytes.count - start)
            else { return nil }
            return unsafe UnsafeRawPointer(found) - base
        }
    }

    /// The first byte that is no content of a field (RFC 9110 section 5.5).
    var firstNoContent: UInt8? {
        // First all of them, without a branch for each: nearly always there is none.
        var flaw: UInt8 = 0
        for index in indices {
            let byte = self[index]
            flaw |= (byte < 0x20 ? 1 : 0) & (byte == 0x09 ? 0 : 1) | (byte == 0x7F ? 1 : 0)
        }
        if flaw == 0 { return nil }
        for index in indices where !self[index].isFieldContent { return self[index] }
        return nil
    }
}

extension UInt8 {
    var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }
}
