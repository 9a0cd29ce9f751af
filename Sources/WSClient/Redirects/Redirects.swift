public import HTTPTypes

/// How far a client follows a server that sends it elsewhere (301, 302, 303, 307, 308).
public struct Redirects: Sendable, Hashable {
    /// How many it follows in one attempt; default 10. 0: none, and the answer is thrown as `.http`.
    public var limit = 10
    /// Whether it follows from `wss` to `ws`, where everyone on the path can read and change everything. Default: no.
    public var allowsInsecure = false
    /// Header fields that, like `Authorization`, `Cookie` and `Proxy-Authorization`, are not sent to another origin.
    /// Default: none; name here what holds a key of your own.
    public var privateHeaders: Set<HTTPField.Name> = []

    public init() {}

    /// Follows none.
    public static let none: Redirects = {
        var none = Redirects()
        none.limit = 0
        return none
    }()
}
