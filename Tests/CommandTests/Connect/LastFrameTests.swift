import Actors
import HansomTransport
import SocketTesting
import Testing

/// What `hansom connect` owes a server that ends the conversation is with it before the program has ended.
@Suite(.timeLimit(.minutes(5))) struct LastFrameTests {
    enum Peer: String, CaseIterable {
        case close, badText, badFrame, tooBig

        var bytes: [UInt8] {
            switch self {
            case .close: Frames.close(1000)
            case .badText: Frames.frame(1, [0xFF])
            case .badFrame: Frames.frame(3)
            // Its header is enough.
            case .tooBig: [0x82, 127, 0, 0, 0, 0, 0, 0x20, 0, 0]
            }
        }

        var owed: Int {
            switch self {
            case .close: 1000
            case .badText: 1007
            case .badFrame: 1002
            case .tooBig: 1009
            }
        }
    }

    @Test(arguments: Peer.allCases, [false, true])
    func `its last frame reaches the server, every time (W8, W9, W10, W27)`(peer: Peer, isSecure: Bool) async throws {
        let files = isSecure ? try Certificates() : nil
        let listener = try RawListener.listen()
        let url = (isSecure ? "wss" : "ws") + "://\(listener.address)/"
        let trust = files.map { ["--ca", $0.certificate] } ?? []
        for round in 1...(isSecure ? 3 : 12) {
            let run = try CommandRun(arguments: ["connect", url, "--proxy", "none"] + trust, input: nil)
            let socket = try #require(await listener.accept())
            if let files {
                let identity = TLSIdentity.files(certificateChain: files.certificate, privateKey: files.key)
                try await socket.secure(TLSServerOptions(identity: identity))
            }
            try await socket.send(Handshakes.response(to: try await socket.receiveHead()))
            try await socket.send(peer.bytes)
            // It reads to the end of TCP, which comes behind the frame.
            let close = try await socket.receiveClose()
            #expect(close?.code == peer.owed, "round \(round)")
            await socket.finish()
            let end = await run.finished()
            #expect(end.code == (peer == .close ? 0 : 1), "round \(round): \(end.errors)")
            // Under TLS our end is a record, which the kernel answers with a reset when the program has gone by then.
            if !isSecure { #expect(await socket.end() == .endOfStream) }
            await socket.close()
        }
        await listener.close()
    }
}
