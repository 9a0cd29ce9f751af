import SocketTesting
import Testing
import WSClient

/// What a hostile server may put into its answer and behind it (T9, T13 to T15), on the client's side.
@Suite(.timeLimit(.minutes(1))) struct HostileAnswerTests {
    /// The error of connecting to a server whose 101 has `extra` fields.
    private func connectError(_ extra: String) async throws -> WebSocketError? {
        try await withScriptedServer { socket in
            try await socket.send(Handshakes.response(to: try await socket.receiveHead(), extra: [extra]))
            _ = await socket.end()
        } _: { url in
            await failure { _ = try await WebSocket.connect(to: url, options: .patient) }
        }
    }

    @Test(arguments: [
        "permessage-deflate; server_max_window_bits=7", "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=999", "permessage-deflate; client_max_window_bits=",
        "permessage-deflate; server_max_window_bits=\"8\"",
        "permessage-deflate; server_max_window_bits=8; server_max_window_bits=9",
        "permessage-deflate; unknown=1", "permessage-deflate, permessage-deflate", "x-unheard-of; a=\"b", "\"", "=;,",
    ])
    func `refuses an extension that was not offered, whatever its parameters (T13) (C4)`(extensions: String)
        async throws
    {
        let error = try await connectError("Sec-WebSocket-Extensions: \(extensions)")
        #expect(error?.code == .badHandshake, "\(String(describing: error))")
        #expect(error?.phase == .handshake)
    }

    @Test(arguments: ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"], [" ", ",", "\"", ", ", "\\\""])
    func `64 KiB of nothing in a list end the handshake, at once (T15)`(field: String, filling: String) async throws {
        let error = try await connectError("\(field): \(String(repeating: filling, count: (64 << 10) / filling.count))")
        #expect(error?.code == .badHandshake, "\(String(describing: error))")
    }

    @Test(arguments: ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"], [",", "\"", ", ", "\\\""])
    func `so does what fits into a line (T15)`(field: String, filling: String) async throws {
        let error = try await connectError("\(field): \(String(repeating: filling, count: 7 << 10 / filling.count))")
        // A list of nothing but commas names nothing (RFC 9110 section 5.6.1.2).
        #expect(error == nil || error?.code == .badHandshake, "\(String(describing: error))")
    }

    @Test(
        arguments: [
            // A masked frame.
            Frames.maskedText("hi"),
            // Compressed without agreement: a block of type 3, a stream cut short, noise.
            [0xC1, 0x01, 0x07], [0xC1, 0x05, 0xF2, 0x48, 0xCD, 0xC9, 0xC9], [0xC2, 0x03, 0xFF, 0xFF, 0xFF],
        ] as [[UInt8]])
    func `closes with 1002 for what was not agreed on, and the next connection is fine (T9) (T14) (W10)`(
        frame: [UInt8]
    ) async throws {
        let close = Handover<RawSocket.Close?>()
        try await withScriptedServer { socket in
            let head = try await socket.receiveHead()
            try await socket.send(Handshakes.response(to: head))
            guard head.hasPrefix("GET /bad") else { return _ = try await socket.answerClose() }
            try await socket.send(frame)
            close.give(try await socket.receiveClose())
            await socket.close()
        } _: { url in
            let ws = try await WebSocket.connect(to: "\(url)/bad", options: .patient)
            #expect(await failure { _ = try await ws.recv() }?.code == .protocolViolation)
            #expect(await close.take()?.code == 1002)
            try await WebSocket.withConnection(to: url, options: .patient) { #expect($0.state == .open) }
        }
    }
}
