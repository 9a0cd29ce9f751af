import Foundation
import Glibc
import Testing
import WSClient

struct ReloadTests {
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
