internal import HTTPTypes
public import WSConnection

extension WebSocketError {
    /// Whether the same attempt, made again later, may succeed: whether a reconnecting client tries again.
    ///
    /// No: what must be put right first, here or there. The URL or the options, certificates and the rest of TLS, a
    /// redirect that is not followed, the wrong use of a connection, and every answer of a server or proxy but 408, 425,
    /// 429 and those from 500 on that are not 501 or 505 (so not 401, 403, 404).
    /// Yes: everything else. Names that are not found, refused and lost connections, timeouts, any close.
    public var mayPass: Bool {
        switch code {
        case .invalidConfiguration, .tls, .accessDenied, .badRedirect, .tooManyRedirects: false
        case .misuse, .activeMode, .alreadySubscribed, .noSubscriber, .cancelled, .ownerEnded: false
        case .http, .proxy: response.map { WebSocketError.mayPass(status: $0.status) } ?? true
        default: true
        }
    }

    /// RFC 9110 section 15.5 and 15.6; 425: RFC 8470; 429: RFC 6585.
    private static func mayPass(status: Int) -> Bool {
        switch status {
        case 408, 425, 429: true
        case 501, 505: false
        default: status >= 500
        }
    }

    /// How long the server wants to be left alone, if it says so (RFC 9110 section 10.2.3; RFC 6585 section 4).
    ///
    /// - Parameter now: seconds since 1970.
    func retryAfter(now: Int64) -> Duration? {
        guard let response, response.status == 429 || response.status == 503 else { return nil }
        return response.headers[.retryAfter].flatMap { RetryAfter.delay($0, now: now) }
    }
}
