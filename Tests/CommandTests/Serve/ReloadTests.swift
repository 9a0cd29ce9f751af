import Foundation
import Glibc
import Testing
import WSClient
import WSServer

@Suite(.timeLimit(.minutes(2))) struct ReloadTests {
    private func connect(to url: String, trusting file: String) async throws {
        var options = ConnectOptions()
        options.tls.trustRoots = .file(file)
        try await WebSocket.withConnection(to: url, options: options) { ws in
            try await ws.send(.text("hello"))
            #expect(try await ws.recv(timeout: .seconds(30)) == .text("hello"))
        }
    }

    private func replace(_ old: Certificates, by new: Certificates) throws {
        for (old, new) in [(old.certificate, new.certificate), (old.key, new.key)] {
            try Data(contentsOf: URL(fileURLWithPath: new)).write(to: URL(fileURLWithPath: old))
        }
    }

    @Test func `gives each place its own certificate again, though they share a port (S8)`() async throws {
        let (one, two) = (try Certificates(), try Certificates(address: "127.0.0.2"))
        func tls(_ files: Certificates) -> String {
            #"{"certificate": "\#(files.certificate)", "key": "\#(files.key)"}"#
        }
        // A port that is free at both addresses, as far as one can know.
        let port = try await WebSocketServer.listen(port: 0) { _ in }.freed()
        let file = one.folder.appendingPathComponent("hansom.json")
        try Data(
            """
            {"listen": [{"host": "127.0.0.1", "port": \(port), "tls": \(tls(one))},
                        {"host": "127.0.0.2", "port": \(port), "tls": \(tls(two))}], "routes": {"/": "echo"}}
            """.utf8
        ).write(to: file)
        let server = try CommandRun("serve", "--config", file.path)
        _ = try await server.address()
        _ = await server.nextLine()
        server.signal(SIGHUP)
        #expect(await server.nextLine() == "reloaded")
        try await connect(to: "wss://127.0.0.1:\(port)", trusting: one.certificate)
        try await connect(to: "wss://127.0.0.2:\(port)", trusting: two.certificate)
        server.signal(SIGTERM)
        #expect(await server.finished().code == 0)
    }

    @Test(arguments: [nil, 2])
    func `reads the certificate again at SIGHUP (S8)`(workers: Int?) async throws {
        let (files, new) = (try Certificates(), try Certificates())
        let old = files.folder.appendingPathComponent("old.pem").path
        try FileManager.default.copyItem(atPath: files.certificate, toPath: old)
        let server = try CommandRun(
            arguments: ["serve", "echo", "--port", "0", "--tls-cert", files.certificate, "--tls-key", files.key]
                + (workers.map { ["--workers", "\($0)"] } ?? []), input: nil)
        let url = try await server.address()
        for _ in 0..<(workers ?? 0) { #expect(await server.nextLine()?.hasPrefix("worker") == true) }
        try await connect(to: url, trusting: old)
        try replace(files, by: new)
        server.signal(SIGHUP)
        #expect(await server.nextLine() == "reloaded")
        for _ in 0..<8 { try await connect(to: url, trusting: new.certificate) }

        // One that cannot be used changes nothing.
        try FileManager.default.removeItem(atPath: files.key)
        server.signal(SIGHUP)
        #expect(await server.nextErrorLine()?.contains("key.pem") == true)
        try await connect(to: url, trusting: new.certificate)
        server.signal(SIGTERM)
        #expect(await server.finished().code == 0)
    }
}

extension WebSocketServer {
    /// Its port, which it gives up.
    fileprivate func freed() async -> Int {
        await forceClose()
        return address.port ?? 0
    }
}
