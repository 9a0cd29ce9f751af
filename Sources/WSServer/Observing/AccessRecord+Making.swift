internal import Actors
internal import Glibc
internal import HTTPTypes
internal import WSConnection
internal import WSProtocol

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
