import HTTPTypes
import Testing
import WSConnection

@testable import WSClient

/// What is said to proxies and what is made of their answers, byte by byte, without a socket.
@Suite(.timeLimit(.minutes(2))) struct TunnelTests {
    private let server = WebSocketError.Place(host: "example.com", port: 443)

    /// What a tunnel comes to when an answer comes whole, and when it comes one byte at a time.
    private func outcomes(_ tunnel: any Tunnel, _ answers: [[UInt8]]) -> [TunnelStep] {
        [false, true].map { isCut in
            var tunnel = tunnel
            var step = TunnelStep.more
            for answer in answers {
                for part in isCut ? answer.map({ [$0] }) : [answer] where step != .open { step = tunnel.receive(part) }
            }
            return step
        }
    }

    private func reason(_ step: TunnelStep) -> String {
        if case .refused(let failure) = step { failure.reason } else { "\(step)" }
    }

    // MARK: HTTP

    @Test func `asks with CONNECT for host and port, always both (C6)`() {
        var proxy = Proxy(.http, host: "proxy", credentials: .init(user: "Aladdin", password: "open sesame"))
        proxy.headers = [.userAgent: "hansom"]
        let tunnel = HTTPTunnel(to: .init(host: "::1", port: 80), through: proxy)
        #expect(
            String(decoding: tunnel.greeting, as: UTF8.self) == """
                CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r
                Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\nUser-Agent: hansom\r\n\r\n
                """)
    }

    @Test func `sends the Proxy-Authorization that was given, and no other beside it (C6)`() {
        var proxy = Proxy(.http, host: "proxy", credentials: .init(user: "a", password: "b"))
        proxy.headers = [.proxyAuthorization: "Bearer token"]
        let text = String(decoding: HTTPTunnel(to: server, through: proxy).greeting, as: UTF8.self)
        #expect(text.contains("Proxy-Authorization: Bearer token\r\n"))
        #expect(!text.contains("Basic"))
    }

    @Test(arguments: [
        "HTTP/1.1 200 Connection established\r\n\r\n", "HTTP/1.0 200 OK\r\nProxy-Agent: tinyproxy\r\n\r\n",
        "HTTP/1.1 204 Odd\r\n\r\n", "HTTP/1.1 200 OK\nX : y\n\n",
        "HTTP/1.1 200 OK\r\nX: y\r\n folded\r\nno colon\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ])
    func `opens with any 2xx, however it is cut (C6)`(answer: String) {
        let tunnel = HTTPTunnel(to: server, through: Proxy(.http, host: "proxy"))
        #expect(outcomes(tunnel, [Array(answer.utf8)]) == [.open, .open])
    }

    @Test func `hands over the answer of a proxy that refuses (C6) (T28)`() {
        let tunnel = HTTPTunnel(to: server, through: Proxy(.http, host: "proxy"))
        let answer =
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 4\r\n\r\nwho?"
        for step in outcomes(tunnel, [Array(answer.utf8)]) {
            guard case .refused(let failure) = step else {
                Issue.record("\(step)")
                continue
            }
            #expect(failure.reason.contains("407"))
            #expect(failure.reason.contains("Basic realm=x"))
            #expect(failure.response?.status == 407)
            #expect(failure.response?.body == Array("who?".utf8))
        }
    }

    @Test(arguments: [
        ("SSH-2.0-OpenSSH_9\r\n", "'S'"), ("HTTP/1.1 200 OK\r\n\r\nhello", "5 bytes behind"),
        ("HTTP/2.0 200 OK\r\n\r\n", "HTTP/2.0"), ("\u{5}\u{0}", "byte 0x05"),
        (String(repeating: "HTTP/1.1 100 C\r\n\r\n", count: 16), "16 interim answers"),
        (
            "HTTP/1.1 200 OK\r\n" + String(repeating: "X: \(String(repeating: "x", count: 999))\r\n", count: 70),
            "headLimits.maxHeadBytes"
        ),
        (
            "HTTP/1.1 502 B\r\nX: " + String(repeating: "x", count: 9000) + "\r\nContent-Length: 0\r\n\r\n",
            "headLimits.maxLineBytes"
        ),
        ("HTTP/1.1 502 B\r\nTransfer-Encoding: chunked\r\n\r\n" + String(repeating: "a", count: 300), "502 B"),
    ])
    func `refuses what is no answer to CONNECT (C6) (T28)`(answer: String, word: String) {
        let tunnel = HTTPTunnel(to: server, through: Proxy(.http, host: "proxy"))
        let whole = Talk(tunnel)
        #expect(reason(whole.receive(Array(answer.utf8))).contains(word))
    }

    @Test func `takes of a proxy's refusal what is sure, and says what was wrong (C3, C6)`() {
        let tunnel = HTTPTunnel(to: server, through: Proxy(.http, host: "proxy"), HeadLimits(maxLineBytes: 50))
        let answer =
            "HTTP/1.1 407 Who\r\nX: \(String(repeating: "y", count: 60))\r\nProxy-Authenticate:\r\n Basic realm=x\r\nContent-Length: 0\r\n\r\n"
        for step in outcomes(tunnel, [Array(answer.utf8)]) {
            guard case .refused(let failure) = step else {
                Issue.record("\(step)")
                return
            }
            #expect(failure.response?.status == 407 && failure.reason.contains("Basic realm=x"))
            #expect(failure.reason.contains("headLimits.maxLineBytes 50"), "\(failure.reason)")
        }
        let cut = Talk(HTTPTunnel(to: server, through: Proxy(.http, host: "proxy")))
        #expect(cut.receive(Array("HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nX".utf8)) == .more)
        #expect(cut.ended().response?.status == 407 && cut.ended().reason.contains("before its empty line"))
    }

    @Test func `says how far a proxy came that ended the connection (C6)`() {
        let tunnel = Talk(HTTPTunnel(to: server, through: Proxy(.http, host: "proxy")))
        #expect(tunnel.ended().reason.contains("before its answer"))
        #expect(tunnel.receive(Array("HTTP/1.1 502 Bad\r\nContent-Length: 10\r\n\r\nhalf".utf8)) == .more)
        #expect(tunnel.ended().response?.body == Array("half".utf8))
    }

    // MARK: SOCKS

    @Test func `asks a SOCKS proxy without credentials, with the name unresolved (C6)`() {
        let tunnel = Talk(SOCKSTunnel(to: server, credentials: nil))
        #expect(tunnel.greeting == [5, 1, 0])
        #expect(tunnel.receive([5, 0]) == .send([5, 1, 0, 3, 11] + Array("example.com".utf8) + [1, 187]))
        #expect(tunnel.receive([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]) == .open)
    }

    @Test func `shows user and password to a SOCKS proxy that wants them (C6)`() {
        let tunnel = Talk(SOCKSTunnel(to: server, credentials: .init(user: "me", password: "pass")))
        #expect(tunnel.greeting == [5, 2, 0, 2])
        #expect(tunnel.receive([5, 2]) == .send([1, 2] + Array("me".utf8) + [4] + Array("pass".utf8)))
        #expect(tunnel.receive([1]) == .more)
        #expect(tunnel.receive([0]) == .send([5, 1, 0, 3, 11] + Array("example.com".utf8) + [1, 187]))
    }

    @Test(arguments: [("192.0.2.1", [1, 192, 0, 2, 1]), ("::1", [4] + [UInt8](repeating: 0, count: 15) + [1])])
    func `sends an address as an address (C6)`(host: String, bytes: [UInt8]) {
        let tunnel = Talk(SOCKSTunnel(to: .init(host: host, port: 258), credentials: nil))
        #expect(tunnel.receive([5, 0]) == .send([5, 1, 0] + bytes + [1, 2]))
    }

    @Test(arguments: [
        [5, 0, 0, 1, 1, 2, 3, 4, 5, 6], [5, 0, 0, 3, 2, 65, 66, 0, 80], [5, 0, 0, 3, 0, 0, 0],
        [5, 0, 0, 4] + [UInt8](repeating: 7, count: 18),
    ])
    func `reads the address in a reply, of whatever kind, however it is cut (C6)`(reply: [UInt8]) {
        #expect(outcomes(SOCKSTunnel(to: server, credentials: nil), [[5, 0], reply]) == [.open, .open])
    }

    @Test(
        arguments: [
            ([[72, 84]], "first byte is 72"), ([[4, 0]], "first byte is 4"), ([[5, 255]], "wants credentials"),
            ([[5, 2]], "not offered"), ([[5, 0, 5]], "3 bytes where SOCKS5 has 2"),
            ([[5, 0], [4, 0, 0, 1]], "first byte is 4"),
            ([[5, 0], [5, 5]], "connection refused"), ([[5, 0], [5, 2, 0, 1]], "not allowed by its rules"),
            ([[5, 0], [5, 99]], "unknown reason (reply 99"), ([[5, 0], [5, 0, 0, 9, 0]], "type 9"),
            ([[5, 0], [5, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1]], "11 bytes where SOCKS5 has 10"),
        ] as [([[UInt8]], String)])
    func `refuses what is no SOCKS5, and says what a reply means (C6) (T28)`(answers: [[UInt8]], word: String) {
        let tunnel = Talk(SOCKSTunnel(to: server, credentials: nil))
        var step = TunnelStep.more
        for answer in answers { step = tunnel.receive(answer) }
        #expect(reason(step).contains(word), "\(step)")
        #expect(!tunnel.ended().reason.isEmpty)
    }

    @Test func `says when user and password are not accepted (C6)`() {
        let tunnel = Talk(SOCKSTunnel(to: server, credentials: .init(user: "a", password: "b")))
        #expect(reason(tunnel.receive([5, 255])).contains("neither"))
        let other = Talk(SOCKSTunnel(to: server, credentials: .init(user: "a", password: "b")))
        _ = other.receive([5, 2])
        #expect(other.ended().reason.contains("user and password"))
        #expect(reason(other.receive([1, 1])).contains("does not accept user and password"))
    }
}

/// A tunnel that an expectation may move on.
private final class Talk {
    private var tunnel: any Tunnel

    init(_ tunnel: any Tunnel) { self.tunnel = tunnel }

    var greeting: [UInt8] { tunnel.greeting }

    func receive(_ bytes: [UInt8]) -> TunnelStep { tunnel.receive(bytes) }
    func ended() -> TunnelFailure { tunnel.ended() }
}
