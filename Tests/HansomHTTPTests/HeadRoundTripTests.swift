import HTTPTypes
import ProtocolTesting
import Testing

@testable import HansomHTTP

/// Heads that are written are read as the same, wherever they are cut. A failure names its seed.
@Suite(.timeLimit(.minutes(2))) struct HeadRoundTripTests {
    @Test(arguments: 0..<200 as Range<UInt64>)
    func `random request heads are read as they were written`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var head = RequestHead(
            method: generator.element(of: [.get, .post, .head, .options]), target: "/" + generator.target(),
            fields: generator.fields())
        head.fields.append(HTTPField(name: .hostField, value: generator.element(of: ["h", "h:80", "[::1]:8080"])))
        let bytes = head.bytes
        var parser = RequestHeadParser()
        var read: RequestHead?
        for piece in generator.pieces(of: bytes, most: generator.element(of: [1, 7, 100, 10_000])) {
            #expect(read == nil)
            read = try parser.parse(piece).head
        }
        #expect(read == head)
        #expect(read?.bytes == bytes)
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `random response heads are read as they were written, and what follows is left alone`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let head = ResponseHead(
            status: .random(in: 100...599, using: &generator), reasonPhrase: generator.chance(50) ? nil : "Any Reason",
            fields: generator.fields())
        let bytes = head.bytes
        var parser = ResponseHeadParser()
        let (consumed, read) = try parser.parse(bytes + generator.bytes(10))
        #expect(read == head)
        #expect(consumed == bytes.count)
        let again = try parser.parse(bytes)
        #expect(again.head == head)
    }
}

extension SeededGenerator {
    fileprivate mutating func element<Element>(of all: [Element]) -> Element {
        all[Int.random(in: all.indices, using: &self)]
    }

    fileprivate mutating func target() -> String {
        let allowed = Array("abcXYZ019-._~!$&'()*+,;=:@/?%[]\"<>\\^`{|}".utf8)
        return String(decoding: (0..<count(upTo: 200)).map { _ in element(of: allowed) }, as: UTF8.self)
    }

    /// Any names, any values: those of a value's bytes that may stand there, without blanks at its ends.
    fileprivate mutating func fields() -> HTTPFields {
        var fields = HTTPFields()
        let names = Array("abcdefXYZ019!#$%&'*+-.^_`|~".utf8)
        for _ in 0..<Int.random(in: 0...20, using: &self) {
            let name =
                "X"
                + String(
                    decoding: (0..<Int.random(in: 0...30, using: &self)).map { _ in element(of: names) }, as: UTF8.self)
            let value = (0..<Int.random(in: 0...100, using: &self)).map { _ in UInt8.random(in: 0...255, using: &self) }
                .filter(\.isFieldContent)
            fields.append(HTTPField(name: fieldName(name), lenientValue: value.trimmingWhitespace))
        }
        return fields
    }
}
