internal import WSClient

/// An event of a conversation as a line of JSON.
///
/// Every line has `time` and `type`; what goes over the wire has `direction`, `in` or `out`.
enum JSONEvent {
    /// - Returns: `nil` for what is no event of a connection.
    static func line(for event: ConversationEvent, at time: () -> Timestamp) -> JSONLine? {
        switch event {
        case .request, .answer: return nil
        case .connected(let facts): return connected(facts, time())
        case .sent(let message): return frame(WebSocket.Frame(message), "out", time())
        case .received(let received): return frame(received, "in", time())
        case .closing(let end): return close(end, "out", time())
        case .closed(let end): return close(end, "in", time())
        case .failed(let error): return failure("error", error, time())
        case .down(let error, let delay):
            var line = failure("down", error, time())
            line.add("retryMilliseconds", Report.milliseconds(delay))
            return line
        }
    }

    private static func connected(_ facts: ConversationEvent.Connected, _ time: Timestamp) -> JSONLine {
        var line = begin("connected", time)
        line.add("url", withoutCredentials(facts.url))
        line.add("address", facts.address)
        line.add("subprotocol", facts.subprotocol)
        if let tls = facts.tls {
            var object = JSONLine()
            object.add("version", tls.version.description)
            object.add("cipher", tls.cipher)
            object.add("alpn", tls.alpn)
            object.add("subject", tls.peerSubject)
            line.add("tls", object)
        }
        return line
    }

    /// The URL without user and password: lines are kept, and sent to others.
    private static func withoutCredentials(_ url: String) -> String {
        guard let scheme = url.firstRange(of: "://") else { return url }
        let rest = url[scheme.upperBound...]
        let authority = rest.prefix { !"/?#".contains($0) }
        guard let at = authority.lastIndex(of: "@") else { return url }
        return String(url[..<scheme.upperBound] + rest[rest.index(after: at)...])
    }

    private static func frame(_ frame: WebSocket.Frame, _ direction: String, _ time: Timestamp) -> JSONLine {
        switch frame {
        case .text(let text):
            var line = begin("text", time, direction)
            line.add("data", text)
            return line
        case .binary(let bytes): return bytesLine("binary", bytes, direction, time)
        case .ping(let bytes): return bytesLine("ping", bytes, direction, time)
        case .pong(let bytes): return bytesLine("pong", bytes, direction, time)
        }
    }

    private static func bytesLine(
        _ type: String, _ bytes: [UInt8], _ direction: String, _ time: Timestamp
    ) -> JSONLine {
        var line = begin(type, time, direction)
        line.add("data", base64: bytes)
        return line
    }

    private static func close(_ close: WebSocket.Close, _ direction: String, _ time: Timestamp) -> JSONLine {
        var line = begin("close", time, direction)
        line.add("code", Int(close.code.rawValue))
        line.add("reason", close.reason)
        return line
    }

    private static func failure(_ type: String, _ error: WebSocketError, _ time: Timestamp) -> JSONLine {
        var line = begin(type, time)
        line.add("error", error.code.description)
        line.add("message", error.message)
        line.add("host", error.host)
        line.add("port", error.port)
        line.add("phase", error.phase?.rawValue)
        line.add("status", error.response?.status)
        if let body = error.response?.body, !body.isEmpty {
            if let text = String(validating: body, as: UTF8.self) { line.add("body", text) } else { line.add("body64", base64: body) }
        }
        line.add("code", error.close.map { Int($0.code.rawValue) })
        return line
    }

    private static func begin(_ type: String, _ time: Timestamp, _ direction: String? = nil) -> JSONLine {
        var line = JSONLine()
        line.add("time", time.description)
        line.add("direction", direction)
        line.add("type", type)
        return line
    }
}
