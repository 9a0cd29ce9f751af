import Actors
import Foundation
import Testing

@testable import hansom

@Suite(.timeLimit(.minutes(2))) struct JSONLineTests {
    @Test(arguments: ["", "plain", "\"\\/", "\n\r\t\u{0}\u{1B}[2J\u{7F}\u{9B}", "\u{202E}\u{2028}x", "世界 👩‍👩‍👧 e\u{301}"])
    func `carries any text, and shows a terminal nothing to act on (T36)`(text: String) throws {
        let line = JSONText.line { json in
            json.member("data", text)
            json.member("code", 1000)
        }
        let read = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        #expect(read?["data"] as? String == text)
        #expect(read?["code"] as? Int == 1000)
        #expect(Printable(line).description == line)
    }

    @Test func `keeps the order, leaves out what is not there, and nests`() {
        let line = JSONText.line { json in
            json.member("z", "1")
            json.member("none", optional: nil as String?)
            json.object("a") { $0.member("b", base64: [1, 2]) }
        }
        #expect(line == #"{"z":"1","a":{"b":"AQI="}}"#)
        #expect(JSONText.line { _ in } == "{}")
    }

    @Test(arguments: [
        (0, 0, "1970-01-01T00:00:00.000Z"), (1_709_210_096, 7, "2024-02-29T12:34:56.007Z"),
        (4_102_444_799, 999, "2099-12-31T23:59:59.999Z"),
    ])
    func `times are in UTC`(seconds: Int, milliseconds: Int, text: String) {
        #expect(Timestamp(seconds: seconds, milliseconds: milliseconds).description == text)
    }
}
