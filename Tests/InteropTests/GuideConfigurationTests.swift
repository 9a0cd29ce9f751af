import Foundation
import SocketTesting
import Testing
import WSClient

/// The configurations of nginx and HAProxy that GUIDE.md shows, run as they stand there but for ports and files.
@Suite(.timeLimit(.minutes(2))) struct GuideConfigurationTests {
    /// The block of GUIDE.md in that language.
    private func block(_ language: String) throws -> String {
        let guide = try String(contentsOf: Program.root.appendingPathComponent("GUIDE.md"), encoding: .utf8)
        let start = try #require(guide.range(of: "```\(language)\n"))
        let end = try #require(guide.range(of: "```", range: start.upperBound..<guide.endIndex))
        return String(guide[start.upperBound..<end.lowerBound])
    }

    /// The same with other words: each must stand in it.
    private func replacing(_ text: String, _ words: KeyValuePairs<String, String>) -> String {
        words.reduce(text) { text, word in
            #expect(text.contains(word.key), "no \(word.key) in\n\(text)")
            return text.replacingOccurrences(of: word.key, with: word.value)
        }
    }

    /// Runs a program with a configuration and an echo server behind it, and talks to it by TLS.
    private func converse(
        through start: (_ directory: String, _ port: Int, _ server: Int, _ identity: String) throws -> Program
    ) async throws {
        let identity = try await Certificates.shared.path("server")
        try await EchoServer.run { server in
            try await RealPart.run({ try start($0, $1, server, identity) }) { proxy in
                try await ReverseProxyTests.converse(
                    at: "wss://127.0.0.1:\(proxy.port)/", ReverseProxyTests.options(isSecure: true))
            }
        }
    }

    @Test func `nginx passes WebSockets on as the guide has it (S9)`() async throws {
        let text = try block("nginx")
        try await converse { directory, port, server, identity in
            let http = replacing(
                text,
                [
                    "127.0.0.1:8080": "127.0.0.1:\(server)", "listen 443 ssl": "listen 127.0.0.1:\(port) ssl",
                    "/etc/ssl/chain.pem": "\(identity).pem", "/etc/ssl/key.pem": "\(identity).key",
                ])
            let scratch = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map {
                "\($0)_temp_path \(directory)/\($0);"
            }
            let file = directory + "/nginx.conf"
            try """
            daemon off; master_process off; pid \(directory)/pid; error_log stderr warn;
            events { worker_connections 64; }
            http { access_log off; \(scratch.joined(separator: " "))
            \(http)
            }
            """.write(toFile: file, atomically: true, encoding: .utf8)
            return try Program(RealPart.executable("nginx"), ["-p", directory, "-e", "stderr", "-c", file])
        }
    }

    @Test func `HAProxy passes WebSockets on as the guide has it (S9)`() async throws {
        let text = try block("haproxy")
        try await converse { directory, port, server, identity in
            let parts = try ["pem", "key"].map { try String(contentsOfFile: "\(identity).\($0)", encoding: .utf8) }
            try parts.joined().write(toFile: "\(directory)/both.pem", atomically: true, encoding: .utf8)
            let file = directory + "/haproxy.cfg"
            try replacing(
                text,
                [
                    "127.0.0.1:8080": "127.0.0.1:\(server)", "bind :443": "bind 127.0.0.1:\(port)",
                    "/etc/ssl/chain-and-key.pem": "\(directory)/both.pem",
                ]
            ).write(toFile: file, atomically: true, encoding: .utf8)
            return try Program(RealPart.executable("haproxy"), ["-db", "-f", file])
        }
    }
}
