import HTTPTypes
import Testing
import WSConnection

@testable import WSClient

/// What is tried again, and what the server may ask for (C9).
@Suite(.timeLimit(.minutes(2))) struct ReconnectProspectTests {
    private func refusal(_ status: Int, _ headers: HTTPFields = [:]) -> WebSocketError {
        WebSocketError(.http, "refused", response: .init(status: status, headers: headers, body: []))
    }

    @Test(arguments: [200, 204, 301, 302, 400, 401, 403, 404, 405, 407, 410, 426, 431, 451, 499, 501, 505])
    func `an answer that would be the same again is not asked for again (C9)`(status: Int) {
        #expect(!refusal(status).mayPass)
    }

    @Test(arguments: [408, 425, 429, 500, 502, 503, 504, 507, 520, 599])
    func `an answer that may be another the next time is (C9)`(status: Int) {
        #expect(refusal(status).mayPass)
    }

    @Test(arguments: [
        WebSocketError.Code.invalidConfiguration, .tls, .accessDenied, .badRedirect, .tooManyRedirects, .misuse,
        .activeMode, .alreadySubscribed, .noSubscriber, .cancelled, .ownerEnded,
    ])
    func `what must be put right first is not tried again (C9)`(code: WebSocketError.Code) {
        #expect(!WebSocketError(code, "").mayPass)
    }

    @Test(arguments: [
        WebSocketError.Code.timeout, .closed, .connectionLost, .protocolViolation, .refused, .unreachable, .resolution,
        .badHandshake, .system, .addressInUse, .proxy, .notConnected,
    ])
    func `what the network, the peer or time may put right is (C9)`(code: WebSocketError.Code) {
        #expect(WebSocketError(code, "").mayPass)
    }

    @Test func `a proxy's answer is judged as a server's (C9)`() {
        let denied = WebSocketError(.proxy, "", response: .init(status: 407, headers: [:], body: []))
        let late = WebSocketError(.proxy, "", response: .init(status: 504, headers: [:], body: []))
        #expect(!denied.mayPass)
        #expect(late.mayPass)
    }

    // 1994-11-06 08:49:37 UTC, the example of RFC 9110 section 5.6.7.
    private static let example: Int64 = 784_111_777

    @Test(
        arguments: [
            ("0", 0), ("120", 120), ("00007", 7), ("999999999999999999999999", 999_999_999),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 37), ("Sunday, 06-Nov-94 08:49:37 GMT", 37),
            ("Sun Nov  6 08:49:37 1994", 37), ("Sun, 06 Nov 1994 08:49:00 GMT", 0),
            ("Sat, 05 Nov 1994 00:00:00 GMT", 0),
        ] as [(String, Int64)])
    func `Retry-After is seconds or a date (C9, RFC 9110 section 10.2.3)`(value: String, seconds: Int64) {
        #expect(RetryAfter.delay(value, now: Self.example - 37) == .seconds(seconds))
    }

    @Test(arguments: ["", "soon", "-1", "1.5", "1 2", "+3", "\u{0661}", "99:99:99", "GMT"])
    func `anything else in Retry-After is as if it were not there (C9)`(value: String) {
        #expect(RetryAfter.delay(value, now: 0) == nil)
    }

    @Test func `only 429 and 503 can ask for time (C9)`() {
        let headers: HTTPFields = [.retryAfter: "9"]
        for status in [429, 503] { #expect(refusal(status, headers).retryAfter(now: 0) == .seconds(9)) }
        for status in [301, 401, 413, 500, 502] { #expect(refusal(status, headers).retryAfter(now: 0) == nil) }
        #expect(refusal(503).retryAfter(now: 0) == nil)
        #expect(WebSocketError(.refused, "").retryAfter(now: 0) == nil)
    }
}
