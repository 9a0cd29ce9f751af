import Testing
import WSClient

@testable import hansom

@Suite(.timeLimit(.minutes(2))) struct EventPrinterTests {
    private static let time = Timestamp(seconds: 0, milliseconds: 0)

    private func lines(
        _ event: ConversationEvent, _ form: EventPrinter.Form = .plain(marks: false), isVerbose: Bool = false,
        colours: Bool = false
    ) -> [String] {
        let palette = Palette(isOn: colours)
        let printer = EventPrinter(form: form, isVerbose: isVerbose, output: palette, errors: palette)
        return printer.lines(for: event, at: EventPrinterTests.time).map {
            "\($0.stream == .output ? 1 : 2) \($0.text)"
        }
    }

    @Test func `prints messages on standard output and the end on standard error`() {
        #expect(lines(.received(.text("hi\u{1B}"))) == ["1 hi\\u{1B}"])
        #expect(lines(.received(.binary([1]))) == ["1 binary, 1 bytes: 01"])
        #expect(lines(.received(.text("hi")), .plain(marks: true)) == ["1 < hi"])
        #expect(lines(.received(.text("hi")), .plain(marks: true), colours: true) == ["1 \u{1B}[36m< \u{1B}[0mhi"])
        #expect(lines(.closed(.init(code: .normal, reason: "bye"))) == ["2 closed with 1000 \"bye\""])
    }

    @Test func `does not print what nobody asked for`() {
        for event: ConversationEvent in [
            .received(.ping([])), .received(.pong([])), .sent(.text("x")), .closing(.init(code: .normal)),
            .closed(.init(code: .internalError)), .answer([]), .failed(WebSocketError(.closed, "x")),
        ] {
            #expect(lines(event) == [])
        }
    }

    @Test func `says when the next attempt is made, in words and in JSON (C9)`() {
        let event = ConversationEvent.down(WebSocketError(.refused, "no\u{1B}"), retryIn: .milliseconds(1250))
        #expect(lines(event) == ["2 no\\u{1B}; next attempt in 1250 ms"])
        let json = #""type":"down","error":"refused","message":"no\u001b","retryMilliseconds":1250}"#
        #expect(lines(event, .json) == [#"1 {"time":"1970-01-01T00:00:00.000Z","# + json])
    }

    @Test func `tells more when asked to, and nothing of it on standard output`() {
        let request = Array("GET / HTTP/1.1\r\nHost: a\u{1B}\r\n\r\n".utf8)
        #expect(
            lines(.request(request, to: "1.2.3.4:80", tls: nil), isVerbose: true)
                == ["2 * connected to 1.2.3.4:80", "2 > GET / HTTP/1.1", "2 > Host: a\\u{1B}"])
        #expect(lines(.answer(Array("HTTP/1.1 101\r\n\r\n".utf8)), isVerbose: true) == ["2 < HTTP/1.1 101"])
        #expect(lines(.sent(.text("ä")), isVerbose: true) == ["2 > text, 2 bytes"])
        #expect(lines(.received(.ping([1])), isVerbose: true) == ["2 < ping, 1 bytes"])
        #expect(lines(.received(.text("x")), isVerbose: true) == ["2 < text, 1 bytes", "1 x"])
        #expect(lines(.closing(.init(code: .normal)), isVerbose: true) == ["2 > close 1000"])
        let facts = ConversationEvent.Connected(url: "ws://a/", address: "b", subprotocol: "chat")
        #expect(lines(.connected(facts), isVerbose: true) == ["2 * the connection is open, subprotocol chat"])
    }

    @Test(
        arguments: [
            (.sent(.text("hi")), #""direction":"out","type":"text","data":"hi"}"#),
            (.received(.text("\u{1B}")), #""direction":"in","type":"text","data":"\u001b"}"#),
            (.received(.binary([1, 2])), #""direction":"in","type":"binary","data":"AQI="}"#),
            (.received(.ping([1])), #""direction":"in","type":"ping","data":"AQ=="}"#),
            (.received(.pong([])), #""direction":"in","type":"pong","data":""}"#),
            (.closing(.init(code: .normal)), #""direction":"out","type":"close","code":1000,"reason":""}"#),
            (
                .closed(.init(code: .goingAway, reason: "x")),
                #""direction":"in","type":"close","code":1001,"reason":"x"}"#
            ),
            (
                .connected(.init(url: "ws://u:p@a/@", address: "b", subprotocol: "c")),
                #""type":"connected","url":"ws://a/@","address":"b","subprotocol":"c"}"#
            ),
            (
                .failed(WebSocketError(.refused, "no", phase: .connect, place: .init(host: "h", port: 1))),
                #""type":"error","error":"refused","message":"no","host":"h","port":1,"phase":"connect"}"#
            ),
        ] as [(ConversationEvent, String)])
    func `makes a line of JSON of each event`(event: ConversationEvent, rest: String) {
        #expect(lines(event, .json) == [#"1 {"time":"1970-01-01T00:00:00.000Z","# + rest])
    }
}
