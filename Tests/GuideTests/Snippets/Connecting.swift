import WSClient

func readmeClient() async throws {
    // guide: readme-client
    let ws = try await WebSocket.connect(to: "ws://127.0.0.1:8080/")
    try await ws.send("Hello")
    print(try await ws.recv())
    try await ws.close()
    // end
}

func receive(from url: String) async throws {
    // guide: receive
    let ws = try await WebSocket.connect(to: url)
    try await ws.send("Hello")
    switch try await ws.recv(timeout: .seconds(5)) {
    case .text(let text): print("text: \(text)")
    case .binary(let bytes): print("\(bytes.count) bytes")
    }
    try await ws.close()
    // end
}

func iterate(over url: String) async throws -> Int {
    // guide: iterate
    let count = try await WebSocket.withConnection(to: url) { ws in
        try await ws.send([.text("one"), .text("two"), .binary([3])])
        var count = 0
        for try await message in ws {
            count += message.byteCount
            if count == 7 { break }
        }
        return count
    }
    // end
    return count
}

func configure() -> ConnectOptions {
    // guide: options
    var options = ConnectOptions(
        connectTimeout: .seconds(5),
        recvTimeout: .seconds(30),
        headers: [.authorization: "Bearer token", .origin: "https://example.com"],
        subprotocols: ["chat.v2", "chat.v1"])
    options.limits.messageSize = 16 << 20
    options.tls.trustRoots = .file("authority.pem")
    // end
    return options
}

func handleErrors(at url: String) async throws {
    // guide: errors
    do throws(WebSocketError) {
        let ws = try await WebSocket.connect(to: url)
        while true {
            print(try await ws.recv(timeout: .seconds(30)))
        }
    } catch {
        switch error.code {
        case .closed: print("the peer closed: \(error.close?.code.rawValue ?? 0) \(error.close?.reason ?? "")")
        case .http: print("refused with status \(error.response?.status ?? 0)")
        case .timeout: print("too slow, while in phase \(error.phase?.rawValue ?? "unknown")")
        default: print(error)
        }
    }
    // end
}

func passATimeout(_ ws: WebSocket) async throws {
    // guide: timeout
    do throws(WebSocketError) {
        print(try await ws.recv(timeout: .milliseconds(20)))
    } catch {
        guard error.code == .timeout else { throw error }
        print("nothing yet; the connection is as it was")
    }
    // end
}

func receiveFrames(_ ws: WebSocket) async throws {
    // guide: frames
    switch try await ws.recvFrame() {
    case .text(let text): print(text)
    case .binary(let bytes): print(bytes)
    case .ping(let payload): print("a ping of \(payload.count) bytes, answered already")
    case .pong: print("a pong")
    }
    // end
}

func receivePieces(_ ws: WebSocket) async throws -> Int {
    // guide: pieces
    var total = 0
    for try await piece in try await ws.recvStream() {
        if case .binary(let bytes) = piece { total += bytes.count }
    }
    print("\(total) bytes in one message")
    // end
    return total
}

func send(on ws: WebSocket) async throws {
    // guide: send
    try await ws.send("Hello")
    try await ws.send(.binary([1, 2, 3]))
    try await ws.send(["these leave", "together"])
    try await ws.send(fragments: ["one message ", "in three ", "frames"])
    let latency = try await ws.ping()
    // end
    print(latency)
}

func trySend(on ws: WebSocket) async {
    // guide: try-send
    switch await ws.trySend("news") {
    case .sent: break
    case .full: print("the peer does not keep up; this message was not taken")
    case .closed: print("too late")
    }
    // end
}

func sendAsItComes(_ lines: AsyncStream<String>, on ws: WebSocket) async throws {
    // guide: send-stream
    let byteCount = try await ws.send(fragments: lines)
    // end
    print(byteCount)
}

func close(_ ws: WebSocket) async throws {
    // guide: close
    try await ws.close(code: 4001, reason: "the game is over")
    print(ws.isClosed, ws.closeCode?.rawValue ?? 0, ws.closeReason ?? "")
    // end
}

func connectToUnixSocket() async throws {
    // guide: unix-client
    let ws = try await WebSocket.connect(to: "ws+unix:///run/app.sock:/chat")
    // end
    try await ws.close()
}

func changeIdleTimeout(of ws: WebSocket) async {
    // guide: idle-timeout
    await ws.setIdleTimeout(.seconds(600))
    // end
}

func compress(_ options: inout ConnectOptions) {
    // guide: compression
    options.compression = CompressionOptions(receiveWindowBits: 10, sendContextTakeover: false, threshold: 1024)
    // end
}

func sendInAWayOfItsOwn(_ report: String, over ws: WebSocket) async throws {
    // guide: send-options
    try await ws.send(report, options: .init(frameSize: 16 << 10, timeout: .seconds(2)))
    // end
}
