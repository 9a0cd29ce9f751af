import SocketTesting
import Testing
import WSClient

/// Our client against the servers of libraries in JavaScript, Go and C, plain and over TLS, with compression and
/// without.
@Suite(.timeLimit(.minutes(2))) struct OtherServerTests {
    @Test(arguments: EchoServer.others, RealClient.Manner.all)
    func `exchanges messages with a foreign server of another language (W7) (W8) (W15) (W16) (W17)`(
        library: String, manner: RealClient.Manner
    ) async throws {
        var options = ConnectOptions(subprotocols: ["chat"])
        if manner.isSecure { options.tls = try await Certificates.shared.trust() }
        if manner.deflates { options.compression = CompressionOptions(threshold: 0) }
        let arguments = manner.deflates ? ["--deflate"] : []
        try await EchoServer.run(library, isSecure: manner.isSecure, arguments: arguments) { [options] port in
            let url = "\(manner.isSecure ? "wss" : "ws")://127.0.0.1:\(port)/"
            let ws = try await WebSocket.connect(to: url, options: options)
            #expect(ws.subprotocol == "chat")
            #expect((ws.tls != nil) == manner.isSecure)
            #expect((ws.extensions.first?.hasPrefix("permessage-deflate") == true) == manner.deflates)
            // libwebsockets 4.1 ends itself over an empty message that it is to compress.
            try await exchange(ws, empty: !(library == "lws" && manner.deflates))
            try await ws.send(.text("close 4001 bye"))
            let closed = await failure { _ = try await ws.recv(timeout: .seconds(30)) }
            #expect(closed?.close == WebSocket.Close(code: .init(rawValue: 4001), reason: "bye"))

            let other = try await WebSocket.connect(to: url, options: options)
            _ = try await other.ping([1, 2, 3])
            try await other.close(code: .init(rawValue: 4000), reason: "from here: ä")
            #expect(other.closeCode?.rawValue == 4000)
        }
    }

    private func exchange(_ ws: WebSocket, empty: Bool) async throws {
        var messages: [WebSocket.Message] = [.text("Hello, Grüße, 世界, 🚕"), .binary(Array(0...255))]
        if empty { messages += [.text(""), .binary([])] }
        for size in [1, 125, 126, 127, 65535, 65536, 1 << 20] {
            messages.append(.text(String(repeating: "x", count: size)))
            messages.append(.binary((0..<size).map { UInt8(truncatingIfNeeded: $0 &* $0 &* 7) }))
        }
        for message in messages {
            try await ws.send(message)
            let echo = try await ws.recv(timeout: .seconds(30))
            #expect(echo == message, "\(message.byteCount) bytes")
        }
        try await ws.send(fragments: ["one, ", "", "zwei: ä", "."])
        #expect(try await ws.recv(timeout: .seconds(30)) == .text("one, zwei: ä."))

        async let sending: Int = ws.send((0..<1000).map { .text("message \($0)") })
        for index in 0..<1000 {
            let echo = try await ws.recv(timeout: .seconds(30))
            #expect(echo == .text("message \(index)"))
        }
        _ = try await sending
    }
}
