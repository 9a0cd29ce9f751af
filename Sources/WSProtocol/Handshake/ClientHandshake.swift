public import HTTPTypes
public import HansomHTTP

/// The client's half of the opening handshake (RFC 6455 section 4.1).
public struct ClientHandshake: Sendable {
    /// What `Sec-WebSocket-Key` says: the base64 of the 16 bytes.
    public let key: String
    /// The subprotocols offered.
    public let subprotocols: [String]
    /// How to compress, where the server agrees; `nil`: it is not offered.
    public let compression: CompressionOptions?
    /// The whole request.
    public let request: RequestHead

    /// Checks all that will go on the wire.
    ///
    /// - Parameters:
    ///   - target: path and query, as `WebSocketURL.target` has them.
    ///   - host: the value of `Host`, as `WebSocketURL.hostHeader` has it.
    ///   - fields: further fields. They cannot replace the handshake's own.
    ///   - subprotocols: subprotocols to offer, in order of preference.
    ///   - compression: how to compress, if it is to be offered.
    ///   - key: 16 random bytes, new for each connection.
    /// - Throws: `HandshakeMisuse` naming what must not be sent.
    public init(
        target: String, host: String, fields: HTTPFields = [:], subprotocols: [String] = [],
        compression: CompressionOptions? = nil, key: [UInt8]
    ) throws(HandshakeMisuse) {
        guard key.count == HandshakeKey.byteCount else { throw .keyLength(key.count) }
        guard target.utf8.first == UInt8(ascii: "/"),
            target.utf8.allSatisfy({ $0.isVisible && $0 != UInt8(ascii: "#") })
        else { throw .target(target) }
        guard Authority(host) != nil else { throw .host(host) }
        try Self.check(subprotocols)
        try Self.check(fields)
        if let objection = compression?.objection { throw .compression(objection) }
        self.compression = compression
        self.key = Base64.encode(key)
        self.subprotocols = subprotocols
        var all = HTTPFields()
        all[.hostField] = host
        all[.upgrade] = "websocket"
        all[.connection] = "Upgrade"
        all[.secWebSocketKey] = self.key
        all[.secWebSocketVersion] = "13"
        if !subprotocols.isEmpty { all[.secWebSocketProtocol] = subprotocols.joined(separator: ", ") }
        if let compression {
            let offers = CompressionAgreement.offers(compression).map(\.offer.description)
            all[.secWebSocketExtensions] = offers.joined(separator: ", ")
        }
        all.append(contentsOf: fields)
        request = RequestHead(method: .get, target: target, fields: all)
    }

    /// The bytes of the request.
    public var requestBytes: [UInt8] { request.bytes }

    /// Checks the server's answer.
    ///
    /// - Returns: what was agreed on.
    /// - Throws: `HandshakeFailure` naming what is wrong.
    public func verify(_ response: ResponseHead) throws(HandshakeFailure) -> Negotiated {
        let fields = response.fields
        guard response.status == 101 else { throw .status(response) }
        guard fields.lists("websocket", in: .upgrade) else { throw .upgrade(fields[.upgrade]) }
        guard fields.lists("upgrade", in: .connection) else { throw .connection(fields[.connection]) }
        guard fields[.secWebSocketAccept] == HandshakeKey.accept(key) else {
            throw .accept(fields[.secWebSocketAccept])
        }
        let subprotocol = fields[.secWebSocketProtocol]
        if let subprotocol, !subprotocols.contains(subprotocol) { throw .subprotocol(subprotocol) }
        let agreement = try agreement(fields[.secWebSocketExtensions] ?? "")
        return Negotiated(
            subprotocol: subprotocol, extensions: agreement.map { [$0.answer] } ?? [], compression: agreement)
    }

    /// What the server agreed to: nothing, or one of our offers. "A client MUST _Fail the WebSocket Connection_"
    /// otherwise (RFC 7692 section 7.1).
    private func agreement(_ text: String) throws(HandshakeFailure) -> CompressionAgreement? {
        var parser = FieldListParser(text.utf8.makeIterator())
        guard let extensions = parser.extensions() else { throw .extensions(text) }
        guard let answer = extensions.first else { return nil }
        guard extensions.count == 1, let compression,
            let agreement = CompressionAgreement(answer: answer, to: compression)
        else { throw .extensions(text) }
        return agreement
    }
}

// MARK: - Rules

extension ClientHandshake {
    /// What the caller cannot set: the handshake's own fields, and those that would give the request content.
    private static let reservedNames: Set<HTTPField.Name> = [
        .hostField, .upgrade, .connection, .secWebSocketKey, .secWebSocketVersion, .secWebSocketProtocol,
        .secWebSocketExtensions, .secWebSocketAccept, .contentLength, .transferEncoding,
    ]

    private static func check(_ subprotocols: [String]) throws(HandshakeMisuse) {
        var seen: Set<String> = []
        for name in subprotocols {
            guard name.isToken else { throw .subprotocol(name) }
            guard seen.insert(name).inserted else { throw .duplicateSubprotocol(name) }
        }
    }

    private static func check(_ fields: HTTPFields) throws(HandshakeMisuse) {
        for field in fields {
            let name = field.name.rawName
            guard !reservedNames.contains(field.name) else { throw .reservedField(name: name) }
            let isClean = unsafe field.withUnsafeBytesOfValue { unsafe $0.allSatisfy(\.isFieldContent) }
            guard isClean, name.isToken else { throw .fieldValue(name: name) }
        }
    }
}

/// What the caller gave a client handshake that must not reach the wire. Not a byte has been made when one of these is
/// thrown.
public enum HandshakeMisuse: Error, Hashable, Sendable {
    /// The target is not a path and query of visible ASCII, or has a fragment (RFC 9112 section 3.2).
    case target(String)
    /// The host is not a host with an optional port (RFC 9110 section 7.2).
    case host(String)
    /// A subprotocol is not a token (RFC 6455 section 4.1).
    case subprotocol(String)
    /// A subprotocol is offered twice (RFC 6455 section 4.1).
    case duplicateSubprotocol(String)
    /// A field's value has a control character in it (RFC 9110 section 5.5).
    case fieldValue(name: String)
    /// A field that the handshake sets itself (RFC 6455 section 4.1).
    case reservedField(name: String)
    /// The key is not 16 bytes (RFC 6455 section 4.1).
    case keyLength(Int)
    /// Options of compression that it cannot have; says which.
    case compression(String)
}

extension HandshakeMisuse: CustomStringConvertible {
    public var description: String {
        switch self {
        case .target(let target):
            "target \(target.debugDescription); allowed are '/' and visible ASCII but '#' (RFC 9112 section 3.2)"
        case .host(let host):
            "host \(host.debugDescription); allowed is a host with an optional port (RFC 9110 section 7.2)"
        case .subprotocol(let name):
            "subprotocol \(name.debugDescription); allowed are tokens (RFC 6455 section 4.1)"
        case .duplicateSubprotocol(let name):
            "subprotocol \(name.debugDescription) twice; each may be offered once (RFC 6455 section 4.1)"
        case .fieldValue(let name):
            "control character in the value of \(name); allowed are space, tab, visible bytes (RFC 9110 section 5.5)"
        case .reservedField(let name):
            "field \(name) is set by the handshake itself (RFC 6455 section 4.1)"
        case .compression(let objection):
            "\(objection) (RFC 7692 section 7.1.2)"
        case .keyLength(let count):
            "key of \(count) bytes; allowed are 16 (RFC 6455 section 4.1)"
        }
    }
}

/// What a handshake agreed on (RFC 6455 section 4.1).
public struct Negotiated: Hashable, Sendable {
    /// The subprotocol that the server picked from those offered, if any.
    public let subprotocol: String?
    /// The extensions in use, with the server's parameters.
    public let extensions: [ExtensionOffer]
    /// What was agreed on about compression; `nil`: there is none.
    public let compression: CompressionAgreement?
}
