public import Actors
internal import Glibc
package import HansomTransport
public import WSConnection
internal import WSProtocol

/// The other end of a connection under test, which says any bytes at all: the scripted peer, broken or hostile.
public actor RawPeer {
    private nonisolated let scheduler: Scheduler
    private let stream: PipeStream
    private var driver: StreamDriver
    private var held: [UInt8] = []

    /// The scheduler that the peer lives on: Swift's runtime runs the actor's code there.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe scheduler.asUnownedSerialExecutor() }

    private init(_ stream: PipeStream, _ scheduler: Scheduler) {
        self.scheduler = scheduler
        self.stream = stream
        driver = unsafe StreamDriver(
            stream, buffer: TransportResources.of(scheduler).readBuffer, phase: .handshake)
    }

    /// A connection over a pipe, and its peer. The connection sends no pings of its own, and has no deadlines but those
    /// given here.
    ///
    /// - Parameters:
    ///   - isServer: whether the connection under test is a server's (so that the peer must mask), or a client's.
    ///   - limits, closeTimeout: as of any connection.
    ///   - leftover: bytes that came together with the opening handshake.
    public static func connect(
        on schedulers: SchedulerGroup, isServer: Bool = true, limits: WebSocket.Limits = .init(),
        closeTimeout: Duration = .seconds(10), recvTimeout: Duration? = nil, leftover: [UInt8] = [],
        capacity: Int = 64 << 10
    ) async -> (connection: WebSocket, peer: RawPeer) {
        let options = ConnectionOptions(limits: limits, recvTimeout: recvTimeout, closeTimeout: closeTimeout)
        return await connect(on: schedulers, isServer: isServer, options, leftover: leftover, capacity: capacity)
    }

    /// As the other, with all options that a connection has.
    package static func connect(
        on schedulers: SchedulerGroup, isServer: Bool, _ options: ConnectionOptions, leftover: [UInt8] = [],
        capacity: Int = 64 << 10
    ) async -> (connection: WebSocket, peer: RawPeer) {
        let (here, there) = (schedulers.next(), schedulers.next())
        let ends = PipeStream.pair(here, there, capacity: capacity)
        let peer = await there.ask { RawPeer(ends.1, $0) }
        let connection = await WebSocket.over(ends.0, isServer: isServer, options, on: here, leftover: leftover)
        return (connection, peer)
    }

    /// Sends bytes as they are.
    public func send(_ bytes: [UInt8]) async throws(WebSocketError) { try await driver.write(bytes) }

    /// Receives exactly `count` bytes, or fewer if the connection ends before.
    public func receive(_ count: Int) async throws(WebSocketError) -> [UInt8] {
        while held.count < count {
            let bytes = try await driver.read()
            if bytes.isEmpty { break }
            held += bytes
        }
        defer { held.removeFirst(min(count, held.count)) }
        return Array(held.prefix(count))
    }

    /// Receives everything until the connection ends.
    public func receiveAll() async throws(WebSocketError) -> [UInt8] {
        while true {
            let bytes = try await driver.read()
            if bytes.isEmpty { break }
            held += bytes
        }
        defer { held = [] }
        return held
    }

    /// Says that no more will be sent.
    public func finish() { stream.closeWrite() }

    /// Goes away as a process that is killed does.
    public func close() { stream.close() }

    /// Goes away with a reset.
    public func reset() { stream.reset() }
}

/// Two connected WebSockets over an in-memory pipe: a client's and a server's end, without a socket between.
public struct WebSocketPair: Sendable {
    /// The client's end: it masks what it sends.
    public let client: WebSocket
    /// The server's end, on the scheduler that came next after the client's.
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
