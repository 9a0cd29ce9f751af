import Actors
import HansomTesting
import SocketTesting
import Testing

@testable import WSClient

/// A client under test on a scheduler whose time only the test moves, with real sockets: nothing depends on how long
/// anything takes.
struct ReconnectScene: Sendable {
    let time: ManualTime
    let schedulers: SchedulerGroup

    /// Runs `body`, and looks whether anything is left when the clients have ended.
    static func run(_ body: (ReconnectScene) async throws -> Void) async throws {
        let time = ManualTime()
        try await withSchedulers(time: time) { schedulers in
            try await body(ReconnectScene(time: time, schedulers: schedulers))
            #expect(await eventually { await Remains.count(schedulers) == Remains() })
        }
    }

    /// Waits are as long as they may be: 1 s, 2 s, 4 s, 8 s, 8 s...
    func options(limit: Int? = nil, total: Duration? = nil) -> ReconnectOptions {
        var connect = ConnectOptions(scheduler: schedulers.schedulers[0])
        connect.proxy = .none
        var options = ReconnectOptions(
            connect: connect, backoff: .init(first: .seconds(1), most: .seconds(8), limit: limit), totalTimeout: total)
        options.randomness = { .max }
        return options
    }

    func advance(_ seconds: Int) { time.advance(by: .seconds(seconds)) }
}

/// Short words for what a client tells.
enum Told: Hashable {
    case up
    case text(String)
    case frame
    case down(String, Int)
    case stopped(String)

    init(_ event: ReconnectingWebSocket.Event) {
        switch event {
        case .up: self = .up
        case .frame(_, .text(let text)): self = .text(text)
        case .frame: self = .frame
        case .down(let error, let delay): self = .down(error.code.description, Int(delay.components.seconds))
        case .stopped(let reason): self = .stopped(Told.word(reason))
        }
    }

    static func word(_ reason: ExitReason) -> String {
        (reason.error as? WebSocketError)?.code.description ?? "\(reason)"
    }
}

extension ReconnectingWebSocket.Events.Iterator {
    mutating func told() async -> Told? { await next().map { Told($0) } }
}

extension RawSocket {
    /// Becomes a WebSocket's other end.
    func accept() async throws { try await send(Handshakes.response(to: try await receiveHead())) }

    /// Refuses.
    func refuse(_ status: String, _ fields: [String] = []) async throws {
        _ = try await receiveHead()
        let head = ["HTTP/1.1 \(status)", "Content-Length: 0", "Connection: close"] + fields
        try await send(head.map { $0 + "\r\n" }.joined() + "\r\n")
        finish()
    }
}
