/// How a server picks one of the subprotocols that the client offers (RFC 6455 section 4.2.2).
public enum SubprotocolPolicy: Sendable {
    /// None is ever picked.
    case none
    /// The first of these that the client offers; `isRequired` refuses a client that offers none of them.
    case preferring([String], isRequired: Bool = false)
    /// What the closure picks from the client's offers, in their order; `nil` picks none.
    case choosing(@Sendable ([String], RequestHead) -> String?)

    /// What is wrong with it: a name that no client can offer, or that is never reached. `nil` when nothing is.
    package var objection: String? {
        guard case .preferring(let names, let isRequired) = self else { return nil }
        if names.isEmpty && isRequired { return "subprotocols: one is required, and none is named" }
        var seen: Set<String> = []
        for name in names {
            guard name.isToken else {
                return "subprotocols: \(name.debugDescription) is no token, so no client offers it (RFC 6455 section 4.1)"
            }
            guard seen.insert(name).inserted else { return "subprotocols: \(name) is there twice" }
        }
        return nil
    }
}
