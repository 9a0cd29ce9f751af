import Foundation
import Testing

/// The guide's comparison with hackney and HTTP.jl: each of their names has a row, and each row a Swift name that
/// exists.
@Suite(.timeLimit(.minutes(2))) struct ComparisonTests {
    /// What the guides of the two libraries name.
    private static let theirs = [
        "ws_connect(URL)", "ws_connect(URL, Options)", "connect_timeout", "recv_timeout", "headers", "protocols",
        "{active, false}", "{active, true}", "{active, once}", "ssl_options", "{text, Text}", "{binary, Data}",
        "ws_send(Conn, ping)", "{ping, Data}", "ws_recv(Conn)", "ws_recv(Conn, Timeout)", "{ok, {text, Text}}",
        "{ok, {binary, Data}}", "{ok, ping}", "{ok, pong}", "{closed, Code, Reason}", "ws_setopts",
        "{hackney_ws, Conn, Frame}", "{hackney_ws, Conn, closed}", "hackney_ws_error", "ws_close(Conn)",
        "ws_close(Conn, {Code, Reason})", "1000", "1001", "1002", "http_error", "{error, timeout}", "{error, Reason}",
        "open(url)", "open(f, url)", "redirects", "cookies", "`proxy`", "TLS verification", "request_timeout",
        "response_header_timeout", "read_idle_timeout", "write_idle_timeout", "maxframesize", "maxfragmentation",
        "send(ws, text)", "send(ws, bytes)", "send(ws, iterable)", "receive(ws)", "for msg in ws", "ping(ws, data)",
        "pong(ws, data)", "close(ws)", "isclosed(ws)", "`WebSocketError`", "err.message.code", "err.message.reason",
        "Conn`", "Server`", "listen!", "serve!", "WebSockets.listen`", "network", "address", "handler", "tls_config",
        "subprotocols", "check_origin", "listenany", "server_addr", "wait(server)", "forceclose", "upgrade(f, stream)",
        "isupgrade(request)", "isupgrade(response)",
    ]

    private struct Row {
        let theirs: String
        let ours: String
        let remark: String
    }

    private func rows() throws -> [Row] {
        let guide = try Documents.text(of: "GUIDE.md").components(separatedBy: "## Comparison with hackney and HTTP.jl")
        let section = try #require(guide.last?.components(separatedBy: "\n## ").first)
        return section.components(separatedBy: "\n").filter { $0.hasPrefix("|") }.compactMap { line in
            let cells = line.components(separatedBy: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 5, cells[2].hasPrefix("`") else { return nil }
            return Row(theirs: cells[1], ours: cells[2].replacingOccurrences(of: "`", with: ""), remark: cells[3])
        }
    }

    @Test func `each name of theirs has a row`() throws {
        let left = try rows().map(\.theirs)
        for name in ComparisonTests.theirs { #expect(left.contains { $0.contains(name) }, "\(name) has no row") }
    }

    @Test func `each row's Swift name is used in a source that compiles`() throws {
        let code = try Documents.comparedNames()
        let rows = try rows()
        #expect(rows.count > 70)
        for row in rows { #expect(code.contains { uses($0, row.ours) }, "no use of \(row.ours)") }
    }

    /// Whether a line uses a name: a function by a call with its labels, anything else as it stands.
    private func uses(_ line: String, _ name: String) -> Bool {
        guard let parenthesis = name.firstIndex(of: "(") else { return line.contains(name) }
        let function = name[..<parenthesis].split(separator: ".").last ?? ""
        guard let call = line.range(of: ".\(function)(") else { return false }
        var rest = line[call.upperBound...]
        if name.hasSuffix("()") { return rest.hasPrefix(")") }
        for label in name[parenthesis...].dropFirst().dropLast().split(separator: ":") where label != "_" {
            guard let found = rest.range(of: "\(label): ") else { return false }
            rest = rest[found.upperBound...]
        }
        return !rest.hasPrefix(")")
    }
}

extension Documents {
    /// The lines of code of `ComparedNames.swift`.
    fileprivate static func comparedNames() throws -> [String] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "ComparedNames.swift")
        return try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n").filter {
            !$0.trimmingCharacters(in: .whitespaces).hasPrefix("//")
        }
    }
}
