/// How a server picks one of the subprotocols that the client offers (RFC 6455 section 4.2.2).
public enum SubprotocolPolicy: Sendable {
    /// None is ever picked.
    case none
    /// The first of these that the client offers; `isRequired` refuses a client that offers none of them.
    case preferring([String], isRequired: Bool = false)
    /// What the closure picks from the client's offers, in their order; `nil` picks none.
    case choosing(@Sendable ([String], RequestHead) -> String?)
}
