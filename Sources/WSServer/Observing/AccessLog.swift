internal import Actors
internal import Glibc
internal import HTTPTypes
internal import HansomHTTP
public import WSConnection
internal import WSProtocol

/// What is done with the record of each finished connection, refused handshake and HTTP answer.
///
///     options.accessLog = .combined { line in file.append(line) }
///     options.accessLog = .json { print($0) }
///     options.accessLog = AccessLog { record in if record.status >= 400 { suspects.send(record.clientAddress) } }
///
/// It is called on the thread of the scheduler where it happened: it must not block for long.
public struct AccessLog: Sendable {
    let record: @Sendable (AccessRecord) -> Void

    /// - Parameter record: is given each record.
    public init(_ record: @escaping @Sendable (AccessRecord) -> Void) { self.record = record }

    /// Lines like those of web servers (the "combined" format), with what a connection has besides behind them.
    ///
    /// - Parameter write: is given each line, without an end.
    public static func combined(_ write: @escaping @Sendable (String) -> Void) -> AccessLog {
        AccessLog { write($0.combined) }
    }

    /// One JSON object a line.
    ///
    /// - Parameter write: is given each line, without an end.
    public static func json(_ write: @escaping @Sendable (String) -> Void) -> AccessLog {
        AccessLog { write($0.json) }
    }
}

/// One finished connection, refused handshake, failed TLS handshake or HTTP answer, for a log of who came.
///
/// Nothing in it is a message or a credential: of the target only the path is kept, since tokens travel in queries.
public struct AccessRecord: Sendable, Hashable {
    /// When it began, in seconds since the beginning of 1970.
    public internal(set) var startedAt: Int64 = 0
    /// How long it took or lasted.
    public internal(set) var duration: Duration = .zero
    /// Who asked, as far as is known and trusted (see `ServerOptions.trustedProxies`).
    public internal(set) var clientAddress: SocketAddress?
    /// The request's method, its path as it came, and the version of HTTP.
    public internal(set) var method = ""
    /// The path as it came, percent-encoded, without the query; what else the target was, if it was no path: a URL is
    /// logged with its host, and without its user.
    public internal(set) var path = ""
    /// The answer's status; 101 for a connection, 0 where TLS failed and there was nothing to answer.
    public internal(set) var status = 0
    /// Payload bytes that a connection was sent, or bytes of an answer's content.
    public internal(set) var bytesSent: UInt64 = 0
    /// Payload bytes that came over a connection.
    public internal(set) var bytesReceived: UInt64 = 0
    /// Frames that a connection was sent.
    public internal(set) var framesSent: UInt64 = 0
    /// Frames that came over a connection.
    public internal(set) var framesReceived: UInt64 = 0
    /// How a connection ended; `nil` for an answer.
    public internal(set) var closeCode: WebSocket.CloseCode?
    /// What TLS failed of. The peer has a hand in it.
    public internal(set) var failure: String?
    /// `Referer`, `User-Agent` and `Origin` of the request. Anybody may have written anything there.
    public internal(set) var referer: String?
    /// `User-Agent` of the request.
    public internal(set) var userAgent: String?
    /// `Origin` of the request.
    public internal(set) var origin: String?
    /// The subprotocol of a connection.
    public internal(set) var subprotocol: String?

    init() {}
}

extension AccessRecord {
    /// `192.0.2.1 - - [10/Oct/2026:13:55:36 +0000] "GET /chat HTTP/1.1" 101 4711 "-" "agent" 12.5 1000 34 56`: behind
    /// the combined format seconds, close code, frames received and frames sent. Where TLS failed the request is `-`,
    /// the status 000, and in quotes behind it all stands why.
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

extension AccessRecord {
    /// Of a request that was answered or refused just now; `nil` for one that could not be read.
    init(_ head: RequestHead?, from client: SocketAddress?, after time: Duration) {
        self.init()
        duration = time
        startedAt = AccessRecord.secondsSince1970 - time.components.seconds
        clientAddress = client
        guard let head else { return }
        (method, path) = (head.method.rawValue, AccessRecord.path(of: head.target))
        take(head.fields)
    }

    /// Of a connection that ended just now.
    init(
        _ connection: WebSocket, _ counters: WebSocket.Counters, _ code: WebSocket.CloseCode, after time: Duration
    ) {
        self.init(nil, from: connection.clientAddress, after: time)
        status = 101
        closeCode = code
        (bytesSent, bytesReceived) = (counters.bytesSent, counters.bytesReceived)
        (framesSent, framesReceived) = (counters.framesSent, counters.framesReceived)
        subprotocol = connection.subprotocol
        guard let request = connection.request else { return }
        (method, path) = (request.method, AccessRecord.path(of: request.target))
        take(request.headers)
    }

    private mutating func take(_ fields: HTTPFields) {
        (referer, userAgent, origin) = (fields[.referer], fields[.userAgent], fields[.origin])
    }

    /// The target as far as it holds no secret.
    static func path(of target: String) -> String { RequestTarget.withoutSecrets(target) }

    /// At most 200 bytes, all visible: what peers have a hand in is not to fill a log or a terminal.
    static func short(_ text: String) -> String { LogText.escaped(text, .bytes, atMost: 200) }

    private static var secondsSince1970: Int64 {
        var time = timespec()
        // Safety: the call fills one value that lives as long as the call.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec)
    }
}

/// The entry of one HTTP connection in the books: when it began, and the request that is being answered.
struct BookEntry {
    /// When the socket was accepted, or since the last answer the next request came, in the scheduler's nanoseconds.
    var beganAt: UInt64
    /// The request that is being answered; `nil` before the first head and between two.
    var request: RequestHead?
    /// Who asks, as far as is known and trusted.
    var client: SocketAddress?
    var trace: (any ConnectionTrace)?
    /// Whether something of it was counted already: the end of such a connection is no event.
    var isCounted = false
}

/// What came of an accepted socket, up to the end of its opening handshake.
public struct HandshakeResult: Sendable, Hashable, CustomStringConvertible {
    /// One word: `accepted`, `refused`, `timeout`, `tls`, `proxy`, `displaced` or `gone`.
    public let name: String
    /// The status of a refusal.
    public let status: Int?

    /// It became a connection.
    public static let accepted = HandshakeResult("accepted")
    /// It was not complete in time.
    public static let timedOut = HandshakeResult("timeout")
    /// TLS failed.
    public static let tlsFailed = HandshakeResult("tls")
    /// The PROXY header was missing or malformed, or came from somebody who may not send one.
    public static let proxyRefused = HandshakeResult("proxy")
    /// It was dropped for a newcomer, since there were as many handshakes as may be and it had said least.
    public static let displaced = HandshakeResult("displaced")
    /// The peer went away first, or the server shut down.
    public static let gone = HandshakeResult("gone")

    /// It was answered with this status.
    public static func refused(_ status: Int) -> HandshakeResult { HandshakeResult("refused", status: status) }

    private init(_ name: String, status: Int? = nil) {
        self.name = name
        self.status = status
    }

    public var description: String { status.map { "\(name) \($0)" } ?? name }
}
