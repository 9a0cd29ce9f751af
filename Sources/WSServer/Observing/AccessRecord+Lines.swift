internal import Actors
internal import WSConnection

extension AccessRecord {
    /// `192.0.2.1 - - [10/Oct/2026:13:55:36 +0000] "GET /chat HTTP/1.1" 101 4711 "-" "agent" 12.5 1000 34 56`: behind the
    /// combined format seconds, close code, frames received and frames sent. Where TLS failed the request is `-`, the status
    /// 000, and in quotes behind it all stands why.
    public var combined: String {
        let request = method.isEmpty ? "-" : Self.field("\(method) \(path)") + " HTTP/1.1"
        let time = CalendarTime(secondsSince1970: startedAt).commonLog
        let quoted = [referer, userAgent].map { "\"\($0.map(Self.field) ?? "-")\"" }.joined(separator: " ")
        let close = closeCode.map { "\($0.rawValue)" } ?? "-"
        let status = status == 0 ? "000" : "\(status)"
        return "\(clientAddress?.logged ?? "-") - - [\(time)] \"\(request)\" \(status) \(bytesSent) \(quoted)"
            + " \(PrometheusText.seconds(duration)) \(close) \(framesReceived) \(framesSent)"
            + (failure.map { " \"\(Self.short($0))\"" } ?? "")
    }

    /// A JSON object on one line of ASCII; what is not known is left out.
    public var json: String {
        var json = JSONText()
        json.object { json in
            json.member("time", CalendarTime(secondsSince1970: startedAt).rfc3339)
            if let clientAddress { json.member("client", clientAddress.logged) }
            json.member("method", method, atMost: LogText.longestField)
            json.member("path", path, atMost: LogText.longestField)
            json.member("status", status)
            json.member("nanoseconds", duration)
            json.member("bytesReceived", bytesReceived)
            json.member("bytesSent", bytesSent)
            if let closeCode {
                json.member("close", closeCode.rawValue)
                json.member("framesReceived", framesReceived)
                json.member("framesSent", framesSent)
            }
            if let failure { json.member("failure", AccessRecord.short(failure)) }
            for (name, value) in [
                ("referer", referer), ("userAgent", userAgent), ("origin", origin), ("subprotocol", subprotocol),
            ] {
                if let value { json.member(name, value, atMost: LogText.longestField) }
            }
        }
        return json.text
    }

    /// Fit to stand on a line, and no longer than a field may be.
    private static func field(_ text: String) -> String {
        LogText.escaped(text, .bytes, atMost: LogText.longestField)
    }
}

extension SocketAddress {
    /// As access logs name a client: without its port.
    fileprivate var logged: String { isUnix ? "unix:" : host }
}
