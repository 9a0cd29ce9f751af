internal import WSServer

/// A place where a server of the command listens.
struct ServePlace: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case tcp(host: String, port: Int)
        case unix(path: String)
    }

    var kind: Kind
    var tls: TLSServerOptions?

    static let defaultHost = "127.0.0.1"
    static let defaultPort = 8080

    var endpoint: Endpoint {
        switch kind {
        case .tcp(let host, let port): .tcp(host: host, port: port, tls: tls)
        case .unix(let path): .unix(path, tls: tls)
        }
    }
}

extension ServePlace {
    /// Reads a place that is written in one word: `9100`, `127.0.0.1:9100`, `[::1]:9100`, `unix:/run/app.sock`.
    init?(word: String) {
        if word.hasPrefix("unix:") {
            let path = String(word.dropFirst("unix:".count))
            guard !path.isEmpty else { return nil }
            self.init(kind: .unix(path: path))
            return
        }
        let colon = word.lastIndex(of: ":")
        let digits = colon.map { word[word.index(after: $0)...] } ?? word[...]
        guard let port = Int(digits), (0...65535).contains(port) else { return nil }
        var host = colon.map { word[..<$0] } ?? Substring(ServePlace.defaultHost)
        if host.hasPrefix("[") && host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        self.init(kind: .tcp(host: String(host), port: port))
    }
}
