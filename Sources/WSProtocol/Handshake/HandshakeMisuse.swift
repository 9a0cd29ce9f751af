/// What the caller gave a client handshake that must not reach the wire. Not a byte has been made when one of these is thrown.
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
