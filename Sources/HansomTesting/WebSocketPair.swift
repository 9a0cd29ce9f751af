public import Actors
package import HansomTransport
public import WSConnection
internal import WSProtocol

/// Two connected WebSockets over an in-memory pipe: a client's and a server's end, without a socket between.
public struct WebSocketPair: Sendable {
    public let client: WebSocket
    public let server: WebSocket

    /// Connects two ends, with the opening handshake already behind them. Neither sends pings of its own, nor has a
    /// deadline but `closeTimeout`.
    ///
    /// - Parameters:
    ///   - schedulers: where the ends live, each placed in turn.
    ///   - clientLimits, serverLimits: what bounds each.
    ///   - closeTimeout: how long either waits for the other to end; default 10 s.
    ///   - capacity: the bytes that the pipe holds in each direction; default 64 KiB.
    public static func connect(
        on schedulers: SchedulerGroup, clientLimits: WebSocket.Limits = .init(),
        serverLimits: WebSocket.Limits = .init(), closeTimeout: Duration = .seconds(10), capacity: Int = 64 << 10
    ) async -> WebSocketPair {
        await connect(
            on: schedulers, client: ConnectionOptions(limits: clientLimits, closeTimeout: closeTimeout),
            server: ConnectionOptions(limits: serverLimits, closeTimeout: closeTimeout), capacity: capacity)
    }

    /// As the other, with all options that a connection has.
    package static func connect(
        on schedulers: SchedulerGroup, client: ConnectionOptions, server: ConnectionOptions, capacity: Int = 64 << 10
    ) async -> WebSocketPair {
        let (here, there) = (schedulers.next(), schedulers.next())
        let ends = PipeStream.pair(here, there, capacity: capacity)
        return WebSocketPair(
            client: await WebSocket.over(ends.0, isServer: false, client, on: here),
            server: await WebSocket.over(ends.1, isServer: true, server, on: there))
    }
}

extension WebSocket {
    /// A connection over one end of a pipe, whose opening handshake is taken as done.
    package static func over(
        _ end: PipeStream, isServer: Bool, _ options: ConnectionOptions, on scheduler: Scheduler,
        leftover: [UInt8] = []
    ) async -> WebSocket {
        await scheduler.ask { scheduler in
            let resources = TransportResources.of(scheduler)
            let connection = WebSocket(
                stream: end, scheduler: scheduler, role: isServer ? .server : .client(maskKeys: resources.maskKeys),
                options: options, description: ConnectionDescription())
            connection.onOwnThread { $0.begin(leftover: leftover) }
            return connection
        }
    }
}
