import HansomTransport
import Testing
import WSConnection

@testable import WSServer

/// How a finished connection looks in a log.
struct AccessRecordTests {
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
