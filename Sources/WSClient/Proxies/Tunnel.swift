internal import WSConnection

/// How a proxy is asked for a way to a server, and how its answer is read: bytes in, bytes out.
protocol Tunnel: Sendable {
    /// What is sent first.
    var greeting: [UInt8] { get }

    /// Takes what the proxy said.
    mutating func receive(_ bytes: [UInt8]) -> TunnelStep

    /// What is known when the proxy says no more.
    func ended() -> TunnelFailure
}

/// What a proxy's words came to.
enum TunnelStep: Equatable {
    /// More is to come.
    case more
    /// These bytes are the answer.
    case send([UInt8])
    /// What is sent and received from now on is the server's.
    case open
    /// There is no way through.
    case refused(TunnelFailure)
}

/// Why a proxy made no way.
struct TunnelFailure: Error, Equatable {
    /// What happened, as the end of a sentence that begins with the proxy.
    let reason: String
    /// Its HTTP answer, if it gave one.
    var response: WebSocketError.Response?

    static func == (a: Self, b: Self) -> Bool { a.reason == b.reason && a.response?.status == b.response?.status }
}
