import Foundation
import HansomTransport
import SocketTesting
import Testing

/// A server in a process of its own, whose memory is watched while hostile peers do their worst.
struct WatchedServer: Sendable {
    let pid: Int32
    let address: SocketAddress

    /// What "flat" allows beside the limit that applies.
    static let slack = 64 << 10

    /// Runs `hansom serve echo` and calls `body` when some ordinary traffic has brought it to its size.
    static func run(_ arguments: String..., body: @escaping @Sendable (WatchedServer) async throws -> Void) async throws
    {
        try await run(["echo"] + arguments, body: body)
    }

    static func run(_ arguments: [String], body: @escaping @Sendable (WatchedServer) async throws -> Void) async throws
    {
        // One scheduler: what each of several has is no growth of an attack's.
        let all = arguments + ["--port", "0", "--schedulers", "1"]
        try await CommandRun.serving(all) { run, url in
            let port = try #require(url.split(separator: ":").last.flatMap { UInt16($0) })
            let address = try #require(SocketAddress(numeric: "127.0.0.1", port: port))
            let server = WatchedServer(pid: run.pid, address: address)
            for _ in 0..<3 { try await server.trade() }
            try await body(server)
        }
    }

    /// A peer whose handshake was accepted.
    func peer(extra: [String] = []) async throws -> RawSocket {
        let socket = try await RawSocket.connect(to: address)
        try await socket.send(Handshakes.request(extra: extra))
        let head = try await socket.receiveHead()
        try #require(head.hasPrefix("HTTP/1.1 101 "), "\(head)")
        return socket
    }

    /// By how many bytes the process was larger than before, at the worst moment of `attack`.
    ///
    /// Pages of the program's own file are not counted: they come when code runs for the first time, 64 KiB at once, and
    /// on a busy machine that is other code (a job that takes long is reported). No peer makes them more than the file.
    func growth(during attack: () async throws -> Void) async throws -> Int {
        // 5 forgets the peak: see proc_pid_clear_refs(5).
        try Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/\(pid)/clear_refs"))
        let (before, code) = (try memory("VmRSS"), try memory("RssFile"))
        try await attack()
        return try memory("VmHWM") - before - (memory("RssFile") - code)
    }

    /// Ordinary traffic: messages of some sizes, in one frame and in fragments, and a good end.
    private func trade() async throws {
        let mask: [UInt8] = [1, 2, 3, 4]
        let socket = try await peer()
        for size in [5, 5000, 60_000] {
            let payload = [UInt8](repeating: 0x61, count: size)
            try await socket.send(Frames.frame(2, payload, mask: mask))
            _ = try await socket.receiveFrame()
            try await socket.send(
                Frames.frame(2, payload, isFinal: false, mask: mask) + Frames.frame(0, payload, mask: mask))
            _ = try await socket.receiveFrame()
        }
        try await socket.send(Frames.close(1000, isMasked: true))
        _ = try await socket.receiveClose()
        await socket.close()
    }

    /// A figure of /proc/PID/status, in bytes.
    func memory(_ name: String) throws -> Int { try WatchedServer.memory(name, of: "\(pid)") }

    /// The same of any process.
    static func memory(_ name: String, of process: String) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix(name) })
        return try #require(
            line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }) * 1024
    }
}
