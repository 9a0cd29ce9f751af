internal import Actors
internal import HansomTransport
public import WSConnection
internal import WSProtocol

extension WebSocket {
    /// Opens a WebSocket over a stream socket that is connected already: a descriptor that was inherited, or made in
    /// some way of one's own.
    ///
    /// Nothing is resolved or dialled: proxy, socket options and redirects do not apply, and an answer that is a
    /// redirect is thrown as `.http`. For `wss` and `https` TLS is spoken over the socket.
    ///
    /// - Parameters:
    ///   - descriptor: a connected stream socket. It becomes the connection's when this returns, and stays the caller's,
    ///     open, when this throws; what was sent and received by then is lost. It is made non-blocking.
    ///   - url: whom it leads to and what to ask for; its host is what `Host` says and TLS verifies.
    ///   - options: as for `connect(to:options:)`.
    /// - Throws: as `connect(to:options:)`.
    public static func connect(
        over descriptor: Int32, to url: String, options: ConnectOptions = .init()
    ) async throws(WebSocketError) -> WebSocket {
        let target = try parse(url)
        return try await attempt(options) { (scheduler) throws(WebSocketError) in
            let hop = Hop(target, headers: options.headers, tls: options.tls, hostHeader: options.hostHeader)
            return try Dialer(hop, options, over: try borrow(descriptor, on: scheduler), on: scheduler)
        }
    }

    /// Opens a WebSocket over a pipe in memory, whose other end you carry on to the server.
    ///
    /// Nothing is resolved or dialled, as over a descriptor. The connection lives where the pipe does: the option
    /// `scheduler` does not apply.
    ///
    /// - Parameters:
    ///   - pipe: it becomes the connection's when this returns, and may be used again when this throws; what went
    ///     through it by then is gone.
    ///   - url, options: as over a descriptor.
    /// - Throws: as `connect(to:options:)`; `.invalidConfiguration` when the pipe carries a connection already.
    public static func connect(
        over pipe: BytePipe, to url: String, options: ConnectOptions = .init()
    ) async throws(WebSocketError) -> WebSocket {
        let target = try parse(url)
        guard pipe.take() else {
            throw WebSocketError(.invalidConfiguration, "the pipe carries a connection already")
        }
        var options = options
        options.scheduler = pipe.home
        do {
            return try await attempt(options) { (scheduler) throws(WebSocketError) in
                let near = pipe.near
                scheduler.run { near.lend() }
                return try Dialer(
                    Hop(target, headers: options.headers, tls: options.tls, hostHeader: options.hostHeader), options, over: near, on: scheduler)
            }
        } catch {
            pipe.giveBack()
            throw error
        }
    }

    private static func borrow(
        _ descriptor: Int32, on scheduler: Scheduler
    ) throws(WebSocketError) -> SocketStream {
        do {
            return try SocketStream(borrowing: descriptor, scheduler: scheduler)
        } catch {
            throw WebSocketError(
                .invalidConfiguration, "descriptor \(descriptor) is no connected stream socket: \(error)")
        }
    }
}
