extension WebSocketURL {
    /// Takes a URL apart from the left (RFC 3986 section 3).
    struct Parser {
        private var rest: ArraySlice<UInt8>

        /// Checks what holds for the URL as a whole.
        init(_ text: String) throws(ParseError) {
            let bytes = Array(text.utf8)
            if let offset = bytes.firstIndex(where: { $0 <= 0x20 || $0 == 0x7F }) {
                throw .forbiddenByte(bytes[offset], offset: offset)
            }
            guard !bytes.contains(UInt8(ascii: "#")) else { throw .fragment }
            rest = ArraySlice(bytes)
        }

        mutating func scheme() throws(ParseError) -> Scheme {
            guard let colon = rest.firstIndex(of: UInt8(ascii: ":")) else { throw .scheme("") }
            let name = Self.text(rest[..<colon]).asciiLowercased
            guard let scheme = Scheme(rawValue: name) else { throw .scheme(name) }
            rest = rest[(colon + 1)...]
            return scheme
        }

        /// Who and where; a zone (RFC 6874) is apart, since it is for this machine only.
        mutating func authority() throws(ParseError) -> (UserInfo?, Authority, zone: String?) {
            let delimiters = [UInt8(ascii: "/"), UInt8(ascii: "?")]
            guard rest.starts(with: "//".utf8) else { throw .missingAuthority }
            rest = rest.dropFirst(2)
            var host = rest.prefix { !delimiters.contains($0) }
            rest = rest[host.endIndex...]
            var userinfo: UserInfo?
            if let at = host.lastIndex(of: UInt8(ascii: "@")) {
                userinfo = try Self.userinfo(host[..<at])
                host = host[(at + 1)...]
            }
            guard !host.isEmpty else { throw .missingAuthority }
            guard host.allSatisfy({ $0 < 0x80 }) else { throw .internationalHost }
            var text = Self.text(host)
            let zone = try Self.takeZone(from: &text)
            guard let authority = Authority(text) else {
                // What looks like a host may be the first half of a password with a slash in it.
                throw rest.contains(UInt8(ascii: "@")) ? .userinfo : .authority(text)
            }
            return (userinfo, authority, zone)
        }

        /// Takes the zone out of an IPv6 literal in brackets, and returns it decoded.
        private static func takeZone(from host: inout String) throws(ParseError) -> String? {
            guard host.hasPrefix("["), let end = host.firstIndex(of: "]"),
                let percent = host[..<end].firstIndex(of: "%")
            else { return nil }
            let written = host[percent..<end]
            guard written.hasPrefix("%25"), written.count > 3,
                let decoded = try? percentDecoded(ArraySlice(written.dropFirst(3).utf8)),
                decoded.allSatisfy({ (0x21...0x7E).contains($0) })
            else { throw .zone(String(written)) }
            host.removeSubrange(percent..<end)
            return String(decoding: decoded, as: UTF8.self)
        }

        /// Path and query, a path of `/` put before a query that has none.
        mutating func target() throws(ParseError) -> String {
            if let bad = rest.firstIndex(where: { $0 >= 0x80 }) { throw .notASCII(offset: bad) }
            _ = try Self.percentDecoded(rest)
            let target = Self.text(rest)
            return rest.first == UInt8(ascii: "/") ? target : "/" + target
        }

        /// The socket's path, up to the colon before the target.
        mutating func unixPath() throws(ParseError) -> String {
            if rest.starts(with: "//".utf8) { rest = rest.dropFirst(2) }
            let path = rest.prefix { $0 != UInt8(ascii: ":") }
            rest = rest[path.endIndex...].dropFirst()
            let decoded = try Self.percentDecoded(path)
            guard path.first == UInt8(ascii: "/"), path.count > 1, !decoded.contains(0),
                let text = String(validating: decoded, as: UTF8.self),
                rest.isEmpty || rest.first == UInt8(ascii: "/") || rest.first == UInt8(ascii: "?")
            else { throw .unixPath(Self.text(path)) }
            return text
        }

        private static func userinfo(_ bytes: ArraySlice<UInt8>) throws(ParseError) -> UserInfo {
            let parts = bytes.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
            var texts: [String] = []
            for part in parts {
                // Not as `percentEncoding`, which would repeat a piece of the password.
                guard let decoded = try? percentDecoded(part), !part.contains(UInt8(ascii: "@")),
                    decoded.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }),
                    let text = String(validating: decoded, as: UTF8.self)
                else { throw .userinfo }
                texts.append(text)
            }
            // Basic authentication ends the name at the first colon (RFC 7617 section 2).
            guard !texts[0].utf8.contains(UInt8(ascii: ":")) else { throw .userinfo }
            return UserInfo(user: texts[0], password: texts.count == 2 ? texts[1] : nil)
        }

        private static func percentDecoded(_ bytes: ArraySlice<UInt8>) throws(ParseError) -> [UInt8] {
            var decoded: [UInt8] = []
            var rest = bytes
            while let byte = rest.popFirst() {
                guard byte == UInt8(ascii: "%") else {
                    decoded.append(byte)
                    continue
                }
                let digits = rest.prefix(2).compactMap(\.hexValue)
                guard digits.count == 2 else { throw .percentEncoding("%" + text(rest.prefix(2))) }
                decoded.append(digits[0] << 4 | digits[1])
                rest = rest.dropFirst(2)
            }
            return decoded
        }

        private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
    }
}
