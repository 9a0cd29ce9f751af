import HTTPTypes
import HansomHTTP
import ProtocolTesting
import Testing
import WSProtocol

/// Requests with bodies, one behind the other, as the server of ordinary HTTP reads them (S7).
@Suite(.timeLimit(.minutes(2))) struct RequestReaderTests {
    struct Exchange: Equatable {
        var target: String
        var body: String
    }

    /// Gives a reader bytes in pieces, and takes requests until there are no more.
    private func read(
        _ bytes: [UInt8], cutAt cuts: [Int] = [], maxBodyBytes: Int = 1000
    ) throws(HeadError) -> (exchanges: [Exchange], rest: [UInt8]) {
        var reader = RequestReader(maxBodyBytes: maxBodyBytes)
        var exchanges: [Exchange] = []
        var open: IncomingRequest?
        var start = 0
        for end in cuts + [bytes.count] {
            reader.receive(Array(bytes[start..<end]))
            start = end
            while true {
                if open == nil { open = try reader.nextHead() }
                guard let request = open, let body = try reader.nextBody() else { break }
                exchanges.append(Exchange(target: request.head.target, body: String(decoding: body, as: UTF8.self)))
                open = nil
                if request.head.isUpgrade { return (exchanges, reader.takeRest() + bytes[end...]) }
            }
        }
        return (exchanges, reader.takeRest())
    }

    private static let mixed =
        "GET /none HTTP/1.1\r\nHost: a\r\n\r\n"
        + "POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /"
        + "POST /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "5\r\nhello\r\nA; name = \"a \\\"v;alue\" ;b;c=d\r\n, world\r\n!\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n"
        + "\r\nPUT /empty HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        + "POST /nothing HTTP/1.1\r\nHost: a\r\ntransfer-encoding: Chunked\r\n\r\n000\r\n\r\n"
        + requestText() + "\u{1}\u{2}frames"

    private static let exchanges = [
        Exchange(target: "/none", body: ""), Exchange(target: "/length", body: "GET /"),
        Exchange(target: "/chunked", body: "hello, world\r\n!"), Exchange(target: "/empty", body: ""),
        Exchange(target: "/nothing", body: ""), Exchange(target: "/chat", body: ""),
    ]

    @Test func `reads requests one behind the other, cut at every byte (S7) (T31)`() throws {
        let bytes = Array(Self.mixed.utf8)
        for cut in 0...bytes.count {
            let (exchanges, rest) = try read(bytes, cutAt: [cut])
            #expect(exchanges == Self.exchanges, "cut at \(cut)")
            #expect(rest == Array("\u{1}\u{2}frames".utf8))
        }
        #expect(try read(bytes, cutAt: Array(1..<bytes.count)).exchanges == Self.exchanges)
    }

    // MARK: What could be read in two ways

    private static func post(_ fields: String, _ body: String = "", version: String = "HTTP/1.1") -> String {
        "POST / \(version)\r\nHost: a\r\n\(fields)\r\n\r\n\(body)"
    }

    private static func chunks(_ body: String) -> String { post("Transfer-Encoding: chunked", body) }

    static let smuggled: [(Int, String)] = [
        (400, post("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
        (400, post("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n")),
        (400, post("Content-Length: 5\r\nContent-Length: 5", "hello")),
        (400, post("Content-Length: 5\r\nContent-Length: 6", "hello")),
        (400, post("Content-Length: 5, 5", "hello")),
        (400, post("Content-Length: +5", "hello")),
        (400, post("Content-Length: -1")),
        (400, post("Content-Length: 0x5", "hello")),
        (400, post("Content-Length: 5 5", "hello")),
        (400, post("Content-Length:")),
        (400, post("Content-Length: 18446744073709551621", "hello")),
        (400, post("Content-Length: \u{0665}", "hello")),
        (400, post("Content-Length : 5", "hello")),
        (400, post(" Content-Length: 5", "hello")),
        (400, post("X: y\r\n Content-Length: 5", "hello")),
        (400, post("X: y\nContent-Length: 5", "hello")),
        (400, post("X: y\rContent-Length: 5", "hello")),
        (400, post("X: y\0", "hello")),
        (400, post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
        (400, post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n")),
        (400, post("Transfer-Encoding: identity")),
        (400, post("Transfer-Encoding: xchunked", "0\r\n\r\n")),
        (400, post("Transfer-Encoding: chunked, chunked", "0\r\n\r\n")),
        (400, post("Transfer-Encoding: chunked, identity", "0\r\n\r\n")),
        (400, post("Transfer-Encoding: \u{B}chunked", "0\r\n\r\n")),
        (400, post("Transfer-Encoding: chunked;q=1", "0\r\n\r\n")),
        (400, post("Transfer-Encoding: \"chunked\"", "0\r\n\r\n")),
        (400, post("Transfer-Encoding:", "0\r\n\r\n")),
        (400, post("Transfer-Encoding: chunked", "0\r\n\r\n", version: "HTTP/1.0")),
        (501, post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n")),
        (417, post("Expect: 200-ok\r\nContent-Length: 5", "hello")),
        (400, "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"),
        (505, "POST / HTTP/0.9\r\nHost: a\r\n\r\n"),
        (505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (400, "POST  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "POST /\tHTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, chunks("5\nhello\r\n0\r\n\r\n")),
        (400, chunks("5\r\nhello\n0\r\n\r\n")),
        (400, chunks("5 \r\nhello\r\n0\r\n\r\n")),
        (400, chunks(" 5\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("+5\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("0x5\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("5_0\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("-1\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("\r\nhello\r\n0\r\n\r\n")),
        (400, chunks(";a=b\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("5,5\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("5;a\rb\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("5;a\0b\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("4\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("6\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("10000000000000005\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n")),
        (400, chunks(String(repeating: "0", count: 300) + "5\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("5;" + String(repeating: "x", count: 300) + "\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("5;a=\"b\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("5;a=\"b\\\"\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("5;a=\"b\"c\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("5;\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("5;a=\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("5;a=b c\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("5;=b\r\nhello\r\n0\r\n\r\n")),
        (400, chunks("0;a=\"\r\n\r\n")),
        (400, chunks("0\r\nNo colon\r\n\r\n")),
        (400, chunks("0\r\nA: b\n\r\n")),
        (400, chunks("0\r\n folded\r\n\r\n")),
        (431, chunks("0\r\n" + String(repeating: "A: b\r\n", count: 101) + "\r\n")),
        (413, chunks("FFFFFFF\r\n")),
        (413, post("Content-Length: 1001")),
        (413, post("Content-Length: 9223372036854775807")),
    ]

    @Test(arguments: 0..<smuggled.count)
    func `refuses what two readers could read differently, whole and by the byte (S7) (T19)`(index: Int) throws {
        let (status, text) = Self.smuggled[index]
        // Bytes, so that what is no character of ASCII arrives as it stands here.
        let bytes = Array(text.utf8)
        for cuts in [[], Array(1..<bytes.count)] {
            do {
                let (exchanges, _) = try read(bytes, cutAt: cuts)
                Issue.record("read as \(exchanges)")
            } catch {
                #expect(error.status == status, "\(error)")
            }
        }
    }

    // MARK: Bounds

    @Test(arguments: [0, 1, 999, 1000, 1001])
    func `takes a body up to its limit, however it comes (S7)`(count: Int) throws {
        let body = String(repeating: "x", count: count)
        let halves = [count / 2, count - count / 2].filter { $0 > 0 }
        let chunked = halves.map { "\(String($0, radix: 16))\r\n" + String(repeating: "x", count: $0) + "\r\n" }
        for text in [Self.post("Content-Length: \(count)", body), Self.chunks(chunked.joined() + "0\r\n\r\n")] {
            if count > 1000 {
                let error = #expect(throws: HeadError.self) { try read(Array(text.utf8)) }
                #expect(error?.status == 413)
            } else {
                #expect(try read(Array(text.utf8)).exchanges == [Exchange(target: "/", body: body)])
            }
        }
    }

    @Test func `bounds what chunks of one byte may cost in extensions (S7)`() throws {
        let chunk = "1;" + String(repeating: "e", count: 63) + "\r\nx\r\n"
        let fits = Self.chunks(String(repeating: chunk, count: 64) + "0\r\n\r\n")
        #expect(try read(Array(fits.utf8)).exchanges.first?.body.count == 64)
        let error = #expect(throws: HeadError.self) {
            try read(Array(Self.chunks(String(repeating: chunk, count: 65) + "0\r\n\r\n").utf8))
        }
        #expect(error?.message.contains("extensions") == true)
    }

    // MARK: What follows from a head

    private func head(_ text: String) throws -> IncomingRequest {
        var reader = RequestReader(maxBodyBytes: 1000)
        reader.receive(Array(text.utf8))
        return try #require(try reader.nextHead())
    }

    @Test(
        arguments: [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Keep-Alive, CLOSE\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", false), ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false),
            (requestText(), false), ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", true),
        ])
    func `knows when another request may follow (S7)`(text: String, mayKeepAlive: Bool) throws {
        #expect(try head(text).mayKeepAlive == mayKeepAlive)
    }

    @Test func `knows who waits to be invited to send its body (S7)`() throws {
        let expecting = "Content-Length: 5\r\nExpect: 100-Continue"
        #expect(try head(Self.post(expecting)).expectsContinue)
        #expect(try !head(Self.post(expecting, version: "HTTP/1.0")).expectsContinue)
        #expect(try !head(Self.post("Content-Length: 0\r\nExpect: 100-continue")).expectsContinue)
        #expect(try !head(Self.post("Content-Length: 5")).expectsContinue)
        #expect(try head("GET / HTTP/1.0\r\n\r\n").head.isHTTP10)
    }

    @Test func `keeps the bytes of each head for itself (W18)`() throws {
        var reader = RequestReader(maxBodyBytes: 1000)
        #expect(!reader.hasBegun)
        reader.receive(Array(Self.mixed.utf8))
        #expect(reader.hasBegun)
        let first = try #require(try reader.nextHead())
        _ = try reader.nextBody()
        let second = try #require(try reader.nextHead())
        #expect(String(decoding: first.bytes, as: UTF8.self) == "GET /none HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(String(decoding: second.bytes, as: UTF8.self).hasPrefix("POST /length"))
        #expect(second.hasBody && !first.hasBody)
    }

    @Test func `bounds trailers as heads (S4, S7)`() throws {
        var reader = RequestReader(limits: HeadLimits(maxLines: 3), maxBodyBytes: 10)
        reader.receive(Array(Self.chunks("0\r\n" + String(repeating: "A: b\r\n", count: 4) + "\r\n").utf8))
        _ = try reader.nextHead()
        let error = #expect(throws: HeadError.self) { _ = try reader.nextBody() }
        #expect(error?.message.contains("headLimits.maxLines 3") == true)
    }

    // MARK: Chunks of an answer

    @Test(
        arguments: [
            ("5\r\nhello\r\n5\r\nworld\r\n0\r\nA: b\r\n\r\n", "hellowor", true),
            ("8\r\nhellowor\r\n0\r\n", "hellowor", true),
            ("5\r\nhello\r\n0\r\n", "hello", true), ("FFFFFFFFFFFFFFF\r\nhello world", "hello wo", true),
            ("5\r\nhel", "hel", false), ("5;a=b\r\nhello\r\n3\r\nwor\r\n1\r\n", "hellowor", true),
        ])
    func `leaves out what is beyond the limit, where it is told to (C3)`(
        text: String, content: String, isComplete: Bool
    ) throws {
        let bytes = Array(text.utf8)
        for size in [bytes.count, 1] {
            var body = ChunkedBody(limit: 8, excess: .leftOut)
            for start in stride(from: 0, to: bytes.count, by: size) {
                var part = bytes[start..<min(start + size, bytes.count)]
                try body.read(&part)
            }
            #expect(body.content == Array(content.utf8) && body.isComplete == isComplete)
        }
    }

    @Test func `keeps what came before a chunk that is malformed, and ends a size that never does (C3, T40)`() {
        for (text, content) in [("5\r\nhello\r\nzz", "hello"), ("5\r\nhelloXX", "hello")] {
            var body = ChunkedBody(limit: 100, excess: .leftOut)
            var bytes = Array((text + "\r\n").utf8)[...]
            #expect(throws: HeadError.self) { try body.read(&bytes) }
            #expect(body.content == Array(content.utf8))
        }
        var body = ChunkedBody(limit: 100, excess: .leftOut)
        var taken = 0
        #expect(throws: HeadError.self) {
            while taken < 1000 {
                var byte = [UInt8(ascii: "a")][...]
                try body.read(&byte)
                taken += 1
            }
        }
        #expect(taken == 256)
    }
}
