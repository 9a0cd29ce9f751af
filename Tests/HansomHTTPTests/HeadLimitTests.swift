import HTTPTypes
import HansomHTTP
import ProtocolTesting
import Testing

@Suite(.timeLimit(.minutes(2))) struct HeadLimitTests {
    private func head(fieldCount: Int) -> String {
        requestText().dropLast() + (5..<fieldCount).map { "X-\($0): y\r\n" }.joined() + "\r\n"
    }

    // A carriage return and line feed are one `Character`: `dropLast` takes the empty line away.
    @Test func `takes 100 field lines, and refuses 101 (S4)`() throws {
        #expect(try parseRequest(head(fieldCount: 100))?.fields.count == 100)
        expectRefused(Array(head(fieldCount: 101).utf8), status: 431, saying: "headLimits.maxLines 100")
    }

    @Test func `refuses 2,000 headers (T16)`() {
        expectRefused(Array(head(fieldCount: 2000).utf8), status: 431, saying: "headLimits.maxLines 100")
    }

    @Test(arguments: [16, 100, 8192])
    func `takes a line of the limit, and refuses one byte more (S4)`(limit: Int) throws {
        let limits = HeadLimits(maxLineBytes: limit)
        let filler = String(repeating: "v", count: limit - 6)
        let text = "GET / HTTP/1.1\r\nHost: h\r\nX-A:  \(filler)"
        #expect(try parseRequest(text + "\r\n\r\n", limits: limits)?.fields[HTTPField.Name("X-A")!] == filler)
        expectRefused(
            Array((text + "v\r\n\r\n").utf8), status: 431, saying: "headLimits.maxLineBytes \(limit)", limits: limits)
    }

    @Test func `refuses a line of 64 KiB before its end has come (T16)`() {
        let text = "GET / HTTP/1.1\r\nHost: h\r\nX-A: " + String(repeating: "v", count: 65536)
        expectRefused(Array(text.utf8), status: 431, saying: "headLimits.maxLineBytes 8192")
    }

    @Test func `answers 414 to a request line that is too long`() {
        let text = "GET /" + String(repeating: "a", count: 9000)
        expectRefused(Array(text.utf8), status: 414, saying: "headLimits.maxLineBytes 8192")
    }

    @Test func `takes a head of the limit, and refuses one byte more (T16)`() throws {
        let text = requestText()
        #expect(try parseRequest(text, limits: HeadLimits(maxHeadBytes: text.utf8.count)) != nil)
        expectRefused(
            Array(text.utf8), status: 431, saying: "headLimits.maxHeadBytes",
            limits: HeadLimits(maxHeadBytes: text.utf8.count - 1)
        )
    }

    @Test func `refuses a head of 1 MiB at 64 KiB (T16)`() throws {
        let line = Array(("X-A: " + String(repeating: "v", count: 8000) + "\r\n").utf8)
        var parser = RequestHeadParser()
        var taken = try parser.parse(Array("GET / HTTP/1.1\r\nHost: h\r\n".utf8)).consumed
        let error = #expect(throws: HeadError.self) {
            while taken < 1 << 20 { taken += try parser.parse(line).consumed }
        }
        #expect(error?.status == 431)
        #expect(taken <= 64 << 10)
    }

    @Test func `takes what the limits are raised to, and whatever where there are none (C2) (S4)`() throws {
        let text = requestText().dropLast() + "X-A: \(String(repeating: "v", count: 20_000))\r\n\r\n"
        for limits in [HeadLimits(maxLineBytes: 32 << 10), .none] {
            #expect(try parseRequest(String(text), limits: limits)?.fields[fieldName("X-A")]?.count == 20_000)
        }
    }

    @Test func `objects to limits that no head could keep, by name, and survives them (C2) (S4)`() {
        #expect(HeadLimits().objection == nil)
        #expect(HeadLimits(maxLineBytes: 0).objection?.contains("headLimits.maxLineBytes 0") == true)
        #expect(HeadLimits(maxLines: -1).objection?.contains("headLimits.maxLines -1") == true)
        #expect(HeadLimits(maxHeadBytes: 0).objection?.contains("headLimits.maxHeadBytes 0") == true)
        for limits in [
            HeadLimits(maxLineBytes: -9), HeadLimits(maxHeadBytes: -9),
            HeadLimits(maxLineBytes: .min, maxHeadBytes: .min),
        ] {
            #expect(throws: HeadError.self) { _ = try parseRequest(requestText(), limits: limits) }
        }
    }
}
