import HansomHTTP
import HansomTransport
import Testing
import WSConnection

@testable import WSServer

/// How a finished connection looks in a log.
@Suite(.timeLimit(.minutes(2))) struct AccessRecordTests {
    static var record: AccessRecord {
        var record = AccessRecord()
        record.startedAt = 1_791_640_536
        record.duration = .milliseconds(12_500)
        record.clientAddress = SocketAddress(numeric: "192.0.2.1", port: 4711)
        (record.method, record.path, record.status) = ("GET", "/chat", 101)
        (record.bytesSent, record.bytesReceived, record.framesSent, record.framesReceived) = (4711, 5, 56, 34)
        record.closeCode = .normal
        return record
    }

    @Test func `writes a line like a web server's, and more behind it (S13)`() {
        var record = Self.record
        #expect(
            record.combined
                == #"192.0.2.1 - - [10/Oct/2026:13:55:36 +0000] "GET /chat HTTP/1.1" 101 4711 "-" "-" 12.5 1000 34 56"#)
        record.referer = "http://a/"
        record.userAgent = "evil\" \\ \u{1B}[2Jé\n"
        #expect(record.combined.contains(##""http://a/" "evil\" \\ \x1B[2J\xC3\xA9\x0A" "##))
        record = AccessRecord()
        record.status = 400
        #expect(record.combined == #"- - - [01/Jan/1970:00:00:00 +0000] "-" 400 0 "-" "-" 0 - 0 0"#)
    }

    @Test func `writes one object of JSON a line (S13)`() {
        var record = Self.record
        #expect(
            record.json
                == #"{"time":"2026-10-10T13:55:36Z","client":"192.0.2.1","method":"GET","path":"/chat","status":101,"nanoseconds":12500000000,"bytesReceived":5,"bytesSent":4711,"close":1000,"framesReceived":34,"framesSent":56}"#
        )
        record.userAgent = "a\"\\\n\u{1B}"
        record.clientAddress = .unix(path: "")
        #expect(
            record.json.contains(##""userAgent":"a\"\\\u000a\u001b""##) && record.json.contains(#""client":"unix:""#))
    }

    @Test(arguments: [
        ("\u{85}", "\\u0085", "\\xC2\\x85"), ("\u{9B}31m", "\\u009b31m", "\\xC2\\x9B31m"),
        ("\u{7F}", "\\u007f", "\\x7F"),
        ("\u{2028}", "\\u2028", "\\xE2\\x80\\xA8"), ("\u{2029}", "\\u2029", "\\xE2\\x80\\xA9"),
        ("\u{202E}", "\\u202e", "\\xE2\\x80\\xAE"), ("\u{2066}", "\\u2066", "\\xE2\\x81\\xA6"),
        ("\u{E0041}", "\\udb40\\udc41", "\\xF3\\xA0\\x81\\x81"), ("\u{0}\t", "\\u0000\\u0009", "\\x00\\x09"),
        ("\"\\", "\\\"\\\\", "\\\"\\\\"),
    ])
    func `escapes the same in both kinds of lines, so that neither does anything to a terminal (S13) (T36)`(
        text: String, json: String, combined: String
    ) {
        var record = Self.record
        (record.path, record.referer, record.userAgent) = ("/" + text, text, text)
        (record.origin, record.subprotocol) = (text, text)
        #expect(record.json.contains("\"path\":\"/\(json)\""))
        for name in ["referer", "userAgent", "origin", "subprotocol"] {
            #expect(record.json.contains("\"\(name)\":\"\(json)\""))
        }
        #expect(record.combined.contains("\"GET /\(combined) HTTP/1.1\""))
        #expect(record.combined.contains("\"\(combined)\" \"\(combined)\""))
        for line in [record.json, record.combined] {
            #expect(line.utf8.allSatisfy { (0x20..<0x7F).contains($0) })
        }
    }

    @Test func `bounds the fields of both kinds of lines (S13)`() {
        var record = Self.record
        let long = String(repeating: "x", count: 60_000)
        (record.path, record.referer, record.userAgent) = ("/" + long, long, long)
        (record.origin, record.subprotocol) = (long, String(repeating: "\u{202E}", count: 60_000))
        #expect(record.json.utf8.count < 8 << 10 && record.combined.utf8.count < 4 << 10)
        #expect(record.json.contains("xxx...\"") && record.combined.contains("xxx...\""))
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"), (951_868_800, "2000-03-01T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"), (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"), (1_709_164_800, "2024-02-29T00:00:00Z"),
        ] as [(Int64, String)])
    func `knows the calendar (S13)`(seconds: Int64, text: String) {
        #expect(CalendarTime(secondsSince1970: seconds).rfc3339 == text)
    }
}
