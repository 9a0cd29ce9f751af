import Actors
import WSClient

func startFeed(to url: String) -> ReconnectingWebSocket {
    // guide: reconnect
    let feed = ReconnectingWebSocket.start(to: url) { ws in
        try await ws.send(.text("subscribe to prices"))
        for try await message in ws { print(message) }
    }
    // end
    return feed
}

func configureReconnecting(_ token: String) -> ReconnectOptions {
    // guide: reconnect-options
    var options = ReconnectOptions(
        connect: ConnectOptions(connectTimeout: .seconds(5), headers: [.authorization: "Bearer \(token)"]),
        backoff: .init(first: .milliseconds(200), most: .seconds(60), limit: 20),
        totalTimeout: .seconds(600))
    options.retries = { error in error.mayPass || error.response?.status == 404 }
    // end
    return options
}

func follow(_ url: String, _ options: ReconnectOptions) async {
    // guide: reconnect-events
    let feed = ReconnectingWebSocket.start(to: url, options: options, active: .on)
    for await event in feed.events {
        switch event {
        case .up(let ws): print("connected to \(url), \(ws.pid)")
        case .frame(_, .text(let text)): print(text)
        case .frame: break
        case .down(let error, let delay): print("\(error); next attempt in \(delay)")
        case .stopped(let reason): print("stopped: \(reason)")
        }
    }
    // end
}

func sendIfConnected(_ feed: ReconnectingWebSocket) async throws {
    // guide: reconnect-send
    do throws(WebSocketError) {
        try await feed.send("refresh")
    } catch {
        guard error.code == .notConnected else { throw error }
        print("not now: \(feed.state)")
    }
    // end
}

func superviseFeed(_ url: String, _ options: ReconnectOptions) -> Supervisor {
    // guide: reconnect-supervised
    let tree = Supervisor(.oneForOne, maxRestarts: 3, period: .seconds(3600)) {
        Child("prices") { ReconnectingWebSocket.start(to: url, options: options) { ws in try await follow(ws) } }
    }
    // end
    return tree
}

func follow(_ ws: isolated WebSocket) async throws {
    for try await _ in ws {}
}

func tellProcess(at url: String) -> Process<ReconnectingWebSocket.Event> {
    // guide: reconnect-process
    let session = Process<ReconnectingWebSocket.Event>.spawn { me in
        ReconnectingWebSocket.start(to: url, telling: me, active: .once) { $0 }
        for await event in me.mailbox {
            guard case .frame(let ws, let frame) = event else { continue }
            print(frame)
            try await ws.setActive(.once)
        }
    }
    // end
    return session
}
