import Foundation
import HansomTesting
import HansomTransport
import SocketTesting
import Testing

/// A foreign server or proxy of the system's packages, run in the foreground on a free port of this machine, with its
/// configuration in a temporary directory; ended by its own id.
struct RealPart: Sendable {
    let port: Int
    /// Where its files are.
    let directory: String

    /// Runs `body` while it runs.
    ///
    /// - Parameter start: makes the program out of a directory of its own and a free port.
    static func run<R>(
        _ start: (_ directory: String, _ port: Int) throws -> Program, _ body: (RealPart) async throws -> R
    ) async throws -> R {
        let directory = NSTemporaryDirectory() + "hansom-part-\(UUID())"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let port = try await freePort()
        let program = try start(directory, port)
        let result: Result<R, any Error>
        do {
            try await awaitListening(port, program)
            result = .success(try await body(RealPart(port: port, directory: directory)))
        } catch {
            result = .failure(error)
        }
        await program.end()
        return try result.get()
    }

    /// A port that nobody listened on a moment ago.
    static func freePort() async throws -> Int {
        let listener = try RawListener.listen()
        await listener.close()
        return try #require(listener.address.port)
    }

    private static func awaitListening(_ port: Int, _ program: Program) async throws {
        guard let address = SocketAddress(numeric: "127.0.0.1", port: UInt16(port)) else { return }
        let isListening = await eventually {
            guard let socket = try? await RawSocket.connect(to: address) else { return false }
            await socket.close()
            return true
        }
        if isListening { return }
        await program.end()
        var words: [String] = []
        for await line in program.lines { words.append(line) }
        throw Program.Missing(description: "nobody listens on port \(port): \(words.joined(separator: "\n"))")
    }

    static func executable(_ name: String) throws -> String {
        let places = ["/usr/sbin/", "/usr/bin/", "/usr/local/sbin/", "/usr/local/bin/"]
        guard let path = places.map({ $0 + name }).first(where: FileManager.default.isExecutableFile) else {
            throw Program.Missing(description: "\(name) is not installed; run ./Scripts/test, which installs it")
        }
        return path
    }

    private static func write(_ text: String, to path: String) throws -> String {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    // MARK: The parts

    /// nginx with one server on its port.
    ///
    /// - Parameter server: what stands in the `server` block.
    static func nginx<R>(
        _ server: String, identity: String? = nil, _ body: (RealPart) async throws -> R
    ) async throws -> R {
        let tls = identity.map { "ssl_certificate \($0).pem; ssl_certificate_key \($0).key;" } ?? ""
        return try await run(
            { directory, port in
                let options = identity == nil ? "" : " ssl"
                let listening = Machine.loopbackHosts.map { host in
                    "listen \(host.contains(":") ? "[\(host)]" : host):\(port)\(options);"
                }
                let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                let scratch = kinds.map { "\($0)_temp_path \(directory)/\($0);" }.joined(separator: " ")
                let configuration = """
                    daemon off; master_process off; pid \(directory)/pid; error_log stderr warn;
                    events { worker_connections 64; }
                    http {
                        access_log off; \(scratch)
                        map $http_upgrade $connection_upgrade { default upgrade; '' close; }
                        server { \(listening.joined(separator: " ")) \(tls) \(server) }
                    }
                    """
                let file = try write(configuration, to: "\(directory)/nginx.conf")
                return try Program(executable("nginx"), ["-p", directory, "-e", "stderr", "-c", file])
            }, body)
    }

    /// What makes nginx pass upgrades on to a server of this machine.
    static func passing(to port: Int, isSecure: Bool = false) -> String {
        """
        location / {
            proxy_pass \(isSecure ? "https" : "http")://127.0.0.1:\(port); proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
            proxy_set_header Host $http_host; proxy_read_timeout 60s;
        }
        """
    }

    /// HAProxy before a server of this machine: by HTTP, or by the bytes alone.
    static func haproxy<R>(
        to port: Int, mode: String = "http", identity: String? = nil, serverOptions: String = "",
        _ body: (RealPart) async throws -> R
    ) async throws -> R {
        try await run(
            { directory, own in
                var tls = ""
                if let identity {
                    // It wants certificate and key in one file.
                    let parts = try ["pem", "key"].map {
                        try String(contentsOfFile: "\(identity).\($0)", encoding: .utf8)
                    }
                    tls = " ssl crt \(try write(parts.joined(), to: "\(directory)/identity.pem"))"
                }
                let configuration = """
                    defaults
                        mode \(mode)
                        timeout connect 5s
                        timeout client 60s
                        timeout server 60s
                        timeout tunnel 60s
                        option forwardfor
                    frontend f
                        bind 127.0.0.1:\(own)\(tls)
                        http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
                        default_backend b
                    backend b
                        server s 127.0.0.1:\(port) \(serverOptions)

                    """
                let file = try write(configuration, to: "\(directory)/haproxy.cfg")
                return try Program(executable("haproxy"), ["-db", "-f", file])
            }, body)
    }

    /// tinyproxy, an HTTP proxy.
    static func tinyproxy<R>(
        credentials: (user: String, password: String)? = nil, _ body: (RealPart) async throws -> R
    ) async throws -> R {
        try await run(
            { directory, port in
                let auth = credentials.map { "BasicAuth \($0.user) \($0.password)\n" } ?? ""
                let configuration =
                    "Port \(port)\nListen 127.0.0.1\nTimeout 60\nLogLevel Critical\nMaxClients 20\n" + auth
                let file = try write(configuration, to: "\(directory)/tinyproxy.conf")
                return try Program(executable("tinyproxy"), ["-d", "-c", file])
            }, body)
    }

    /// microsocks, a SOCKS5 proxy.
    static func microsocks<R>(
        credentials: (user: String, password: String)? = nil, _ body: (RealPart) async throws -> R
    ) async throws -> R {
        try await run(
            { _, port in
                let auth = credentials.map { ["-u", $0.user, "-P", $0.password] } ?? []
                return try Program(executable("microsocks"), ["-i", "127.0.0.1", "-p", "\(port)"] + auth)
            }, body)
    }
}
