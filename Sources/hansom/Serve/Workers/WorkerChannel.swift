internal import Actors
internal import CHansomSystem
internal import Glibc
internal import WSClient
internal import WSServer

/// How a worker and the process that keeps it talk: a WebSocket over a pair of sockets, which ends for the one when the
/// other has ended, in whatever way.
struct WorkerChannel: Sendable {
    /// The keeper's end and the worker's.
    let ends: (keeper: Int32, worker: Int32)

    /// How long a worker may take from its start until it listens.
    static let patience = Duration.seconds(60)

    init() throws(SystemError) {
        var pair: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, type, 0, &pair) == 0 else {
            throw SystemError(call: "socketpair", errno: errno)
        }
        ends = (pair[0], pair[1])
    }

    /// Talks to the worker until one of them has ended. The keeper's part.
    ///
    /// A worker whose schedulers stand still answers no pings, and this throws.
    static func keep(_ descriptor: Int32, on schedulers: SchedulerGroup, for keeper: Address<WorkerKeeper.Input>)
        async throws
    {
        var options = ServerOptions()
        options.schedulers = schedulers
        options.handshakeTimeout = patience
        options.idleTimeout = nil
        options.limits.messageSize = 64 << 20
        try await WebSocketServer.upgrade(over: descriptor, received: [], options: options) { ws in
            keeper.send(.connected(ws))
            for try await message in ws {
                keeper.send(.report(try WorkerMessage.decode(message, as: WorkerReport.self)))
            }
        }
    }

    /// Opens the channel. The worker's part.
    static func open(_ descriptor: Int32) async throws -> WebSocket {
        var options = ConnectOptions()
        options.connectTimeout = patience
        // That the other end is there the kernel tells; whether it is well is not for the worker to judge.
        options.pingInterval = nil
        return try await WebSocket.connect(over: descriptor, to: "ws://keeper/", options: options)
    }
}
