public import Actors
internal import Glibc
internal import HansomTransport
public import WSConnection

/// The other end of a connection under test, which says any bytes at all: the scripted peer, broken or hostile.
public actor RawPeer {
    private nonisolated let scheduler: Scheduler
    private let stream: PipeStream
    private var driver: StreamDriver
    private var held: [UInt8] = []

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
