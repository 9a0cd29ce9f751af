public import Actors
public import HTTPTypes
public import HansomTransport
internal import WSProtocol

/// What is known of a connection can be asked, most of it from anywhere and without waiting.
extension WebSocket {
    /// The connection as a process.
    public nonisolated var pid: PID { core.pid }

    /// Where it stands.
    public nonisolated var state: State { published.current }

    /// Whether it has ended for sending: a close was sent or received, or it was lost.
    public nonisolated var isClosed: Bool { published.current != .open }

    /// The code it was closed with, once it was: 1005 for a close without code, 1006 when it was lost.
    public nonisolated var closeCode: CloseCode? { published.outcome?.close.code }

    /// The reason it was closed with, once it was.
    public nonisolated var closeReason: String? { published.outcome?.close.reason }

    /// What its end is to who waits for something, once it has ended.
    package nonisolated var outcomeError: WebSocketError? { published.outcome?.error }

    /// The same, also while our last frame is still to be written, until when nobody is told.
    package var knownEnd: WebSocketError? { (endToTell?.value.told(by: core.id) ?? outcome)?.error }

    /// The other end's address: of the socket, or as a PROXY header says.
    public nonisolated var peerAddress: SocketAddress? { description.peerAddress }

    /// On the server, who asked for the connection: `peerAddress`, or behind proxies that the server trusts whom they name;
    /// `nil` when such a proxy does not say.
    public nonisolated var clientAddress: SocketAddress? {
        if let forwarding = description.routing?.forwarding { forwarding.clientAddress } else { peerAddress }
    }

    /// This end's address.
    public nonisolated var localAddress: SocketAddress? { description.localAddress }

    /// The subprotocol agreed upon, if any (RFC 6455 section 1.9).
    public nonisolated var subprotocol: String? { description.subprotocol }

    /// The extensions agreed upon, with their parameters as in the server's answer (RFC 6455 section 9.1).
    public nonisolated var extensions: [String] { description.extensions }

    /// TLS version, cipher and peer certificate; `nil` without TLS.
    public nonisolated var tls: TLSDetails? { description.tls }

    /// On the client the headers of the server's answer, on the server those of the request.
    public nonisolated var handshakeHeaders: HTTPFields {
        if let request { return request.headers }
        // It was taken already, by whatever limits.
        var parser = ResponseHeadParser(limits: .none)
        return (try? parser.parse(description.head).head?.fields) ?? HTTPFields()
    }

    /// On the server, the request that opened the connection; `nil` on the client.
    public nonisolated var request: Request? {
        var parser = RequestHeadParser(limits: .none)
        guard let head = try? parser.parse(description.head).head else { return nil }
        return Request(
            head, peerAddress: peerAddress, tls: tls, routing: description.routing ?? RequestRouting())
    }

    /// Messages that have arrived and were not taken yet.
    package var waitingMessages: Int { Int(inbound.messageCount) }

    /// Payload that has arrived and is held: in queues, in the backlog, and of a message that is not complete.
    package var heldBytes: Int {
        inbound.byteCount + (streamed?.byteCount ?? 0) + backlog.count + machine.bytesBuffered
    }

    /// Pings whose pong is still to come, those included for which nobody waits any more.
    package var pendingPings: Int { pings.count }

    /// Bytes that wait to be written.
    public var bufferedBytes: Int { machine.output.count }

    /// Frames and payload bytes so far, control frames included. What is compressed counts as it is on the wire.
    public var counters: Counters {
        let counters = machine.counters
        return Counters(
            framesReceived: UInt64(counters.framesReceived), framesSent: UInt64(counters.framesSent),
            bytesReceived: UInt64(counters.bytesReceived), bytesSent: UInt64(counters.bytesSent))
    }

    /// What the last answered ping measured.
    public var latency: Duration? { lastLatency }

    /// Peer, path and bytes, for those who look at the program from outside.
    var detail: String {
        let peer = clientAddress.map { "\($0)" } ?? "pipe"
        let counters = machine.counters
        let path = description.path.map { " \($0)" } ?? ""
        return "\(peer)\(path), \(counters.bytesReceived) B in, \(counters.bytesSent) B out"
    }
}
