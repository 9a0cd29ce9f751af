public import WSConnection

/// What a server's authorisation hook says of a request.
public struct Authorization: Sendable {
    /// The hook: is asked before a WebSocket is opened and before a route is run, with no content read yet. What it throws
    /// is answered with 500, without details.
    public typealias Hook = @Sendable (WebSocket.Request) async throws -> Authorization

    enum Verdict: Sendable {
        case accept((any Sendable)?)
        case refuse(ServerResponse)
    }

    let verdict: Verdict

    /// The request may pass.
    public static let accept = Authorization(verdict: .accept(nil))

    /// The request may pass, and `value` goes along: `request.value(as:)` has it, in routes and in `ws.request`.
    public static func accept(_ value: some Sendable) -> Authorization { Authorization(verdict: .accept(value)) }

    /// The request is answered with `response` and goes no further; the connection ends.
    public static func refuse(_ response: ServerResponse) -> Authorization {
        Authorization(verdict: .refuse(response))
    }
}
