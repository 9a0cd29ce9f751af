import Actors
import Dispatch
import HansomTransport
import SocketTesting
import Testing
import WSClient

/// An attempt to connect that goes as far as a step, and no further: the peer, scripted byte by byte, then says
/// nothing.
struct StopScene: Sendable {
    /// Where the attempt is made to stop.
    enum Stop: String, CaseIterable, Sendable {
        case resolution, ownResolver, connect, race
        case proxyTLS, proxyAnswer, proxyHalfAnswer, socksMethod, socksAuthentication, socksReply, tunnelledTLS
        case tunnelledHandshake, tls, handshake, halfHead, refusalBody, secondHop, givenSocket

        /// Which step errors name.
        var phase: WebSocketError.Phase {
            switch self {
            case .resolution, .ownResolver: .resolution
            case .connect, .race: .connect
            case .proxyTLS, .proxyAnswer, .proxyHalfAnswer, .socksMethod, .socksAuthentication, .socksReply: .proxy
            case .tls, .tunnelledTLS: .tls
            case .handshake, .halfHead, .refusalBody, .secondHop, .givenSocket, .tunnelledHandshake: .handshake
            }
        }

        /// Whether a peer plays a part that can say how far the attempt has come.
        var hasPeer: Bool { phase != .resolution && phase != .connect }
        var isSecure: Bool { phase == .tls }
    }

    /// What ends it there.
    enum Ending: CaseIterable, Sendable { case deadline, phaseDeadline, cancellation, ownerEnd }

    static let all = Stop.allCases.flatMap { stop in Ending.allCases.map { (stop, $0) } }

    let stop: Stop
    let listener: RawListener
    private let reached = Handover<Bool>()
    private let sawEnd = Handover<RawSocket.End>()

    init(_ stop: Stop) async throws {
        self.stop = stop
        // A backlog of 0 holds one connection; whoever comes next hears nothing.
        listener = try RawListener.listen(backlog: stop.hasPeer ? 16 : 0)
    }

    var url: String {
        let port = listener.address.port ?? 0
        let scheme = stop.isSecure ? "wss" : "ws"
        switch stop {
        case .resolution, .ownResolver, .race: return "\(scheme)://dead.localhost:\(port)/"
        case .proxyTLS, .proxyAnswer, .proxyHalfAnswer, .socksMethod, .socksAuthentication, .socksReply, .tunnelledTLS,
            .tunnelledHandshake:
            return "\(scheme)://far.example:81/"
        default: return "\(scheme)://127.0.0.1:\(port)/"
        }
    }

    /// What the server is called in messages.
    var name: Substring { url.split(separator: "/")[1] }

    func options(_ ending: Ending, on scheduler: Scheduler) -> ConnectOptions {
        var options = ConnectOptions(scheduler: scheduler)
        let port = listener.address.port ?? 0
        let address = listener.address
        options.proxy = .none
        switch stop {
        case .proxyTLS: options.proxy = .through(Proxy(.https, host: "127.0.0.1", port: port))
        case .proxyAnswer, .proxyHalfAnswer, .tunnelledTLS, .tunnelledHandshake:
            options.proxy = .through(Proxy(.http, host: "127.0.0.1", port: port))
        case .socksMethod, .socksAuthentication, .socksReply:
            let credentials = Proxy.Credentials(user: "a", password: "b")
            options.proxy = .through(Proxy(.socks5, host: "127.0.0.1", port: port, credentials: credentials))
        case .ownResolver: options.resolver = { _, _ in try await Self.forEver() }
        case .race: options.resolver = { _, _ in [address, address] }
        default: break
        }
        if ending == .phaseDeadline {
            options.timeouts.resolution = .seconds(3)
            options.timeouts.tcp = .seconds(3)
            options.timeouts.proxy = .seconds(3)
            options.timeouts.tls = .seconds(3)
            options.timeouts.handshake = .seconds(3)
        }
        return options
    }

    /// Waits until it is cancelled.
    private static func forEver() async throws -> [SocketAddress] {
        let end = Handover<Bool>()
        _ = await withTaskCancellationHandler {
            await end.take()
        } onCancel: {
            end.give()
        }
        throw CancellationError()
    }

    /// Plays the peer's part, as far as it goes.
    func play() -> Task<Void, Never> {
        Task {
            guard stop.hasPeer else { return }
            while let socket = await listener.accept() {
                do {
                    if try await !script(socket) { continue }
                    reached.give()
                    sawEnd.give(await socket.end())
                } catch {
                    Issue.record(error)
                }
            }
        }
    }

    /// Says what the peer says; false for a connection after which another comes.
    private func script(_ socket: RawSocket) async throws -> Bool {
        switch stop {
        case .resolution, .ownResolver, .connect, .race: break
        case .tls, .proxyTLS: _ = try await socket.receive(5)
        case .proxyAnswer: _ = try await socket.receiveHead()
        case .proxyHalfAnswer:
            _ = try await socket.receiveHead()
            try await socket.send("HTTP/1.1 200 Conn")
        case .tunnelledTLS, .tunnelledHandshake:
            _ = try await socket.receiveHead()
            try await socket.send("HTTP/1.1 200 Connection established\r\n\r\n")
            if stop == .tunnelledTLS { _ = try await socket.receive(5) } else { _ = try await socket.receiveHead() }
        case .socksMethod: _ = try await socket.receive(4)
        case .socksAuthentication:
            _ = try await socket.receive(4)
            try await socket.send([5, 2])
            _ = try await socket.receive(5)
        case .socksReply:
            _ = try await socket.receive(4)
            try await socket.send([5, 0])
            _ = try await socket.receive(18)
            try await socket.send([5, 0, 0])
        case .handshake, .givenSocket: _ = try await socket.receiveHead()
        case .halfHead:
            _ = try await socket.receiveHead()
            try await socket.send("HTTP/1.1 101 Switching Proto")
        case .refusalBody:
            _ = try await socket.receiveHead()
            try await socket.send("HTTP/1.1 401 U\r\nContent-Length: 10\r\n\r\nha")
        case .secondHop:
            guard try await socket.receiveHead().hasPrefix("GET / ") else { return true }
            try await socket.send("HTTP/1.1 307 On\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n")
            return false
        }
        return true
    }

    /// Waits until the attempt has come as far as it comes.
    func awaitStop(on schedulers: SchedulerGroup, alarms: Int) async {
        if stop.hasPeer { _ = await reached.take() }
        #expect(await eventually { await Remains.count(schedulers).alarms >= alarms })
        await turns(of: schedulers)
    }

    /// Waits until the peer has seen the connection's end.
    func awaitEnd() async {
        // The end of a given socket is its owner's to make.
        if stop.hasPeer, stop != .givenSocket { _ = await sawEnd.take() }
    }
}
