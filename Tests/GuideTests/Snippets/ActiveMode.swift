import Actors
import WSClient

func subscribe(_ ws: WebSocket) async throws {
    // guide: subscribe
    let events = try await ws.subscribe(active: .once)
    for await event in events {
        switch event {
        case .frame(let ws, .text(let text)):
            print(text)
            try await ws.setActive(.once)
        case .frame(let ws, _):
            try await ws.setActive(.once)
        case .closed(_, let close):
            print("closed with \(close)")
        case .failed(_, let error):
            throw error
        }
    }
    // end
}

func events(of ws: WebSocket) async throws {
    // guide: events
    for await event in try await ws.events(active: .on) {
        print(event)
    }
    // end
}

func shareMailbox(_ first: WebSocket, _ second: WebSocket) async throws {
    // guide: mailbox
    let mailbox = EventMailbox(capacity: 256)
    try await first.subscribe(mailbox, active: .on)
    try await second.subscribe(mailbox, active: .on)
    var open: Set = [first.pid, second.pid]
    while !open.isEmpty, let event = await mailbox.next() {
        switch event {
        case .frame(let ws, let frame): print(ws.pid, frame)
        case .closed(let ws, _), .failed(let ws, _): open.remove(ws.pid)
        }
    }
    // end
}

func session(with url: String, watching worker: PID) async throws -> ExitReason.Kind {
    // guide: session
    enum Input: Sendable {
        case say(String)
        case socket(WebSocket.Event)
        case down(Down)
    }

    let session = Process<Input>.spawn { me in
        let ws = try await WebSocket.connect(to: url)
        try await ws.subscribe(me, active: .once) { .socket($0) }
        me.monitor(worker) { .down($0) }
        for await input in me.mailbox {
            switch input {
            case .say(let text):
                try await ws.send(.text(text))
            case .socket(.frame(_, let frame)):
                print(frame)
                try? await ws.setActive(.once)
            case .socket(.closed), .down:
                return
            case .socket(.failed(_, let error)):
                throw error
            }
        }
    }
    session.send(.say("Hello"))
    let reason = try await session.down()
    // end
    return reason.kind
}

func hand(_ ws: WebSocket, from me: Process<SocketInput>, to heir: Process<SocketInput>) async throws {
    // guide: moving-delivery
    // In the process that is told now:
    await ws.unsubscribe(me) { if case .socket(let event) = $0 { event } else { nil } }
    try await ws.transfer(to: heir, active: .once) { .socket($0) }
    // end
}

enum SocketInput: Sendable { case socket(WebSocket.Event) }
