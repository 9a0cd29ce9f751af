import HTTPTypes
import Testing

@testable import HansomHTTP

/// Which bytes of a file a request gets (RFC 9110 sections 13 and 14).
@Suite(.timeLimit(.minutes(1))) struct RepresentationTests {
    private static let hundred = Representation(entityTag: "\"a,b\"", lastModified: 784_111_777, length: 100)
    private static let empty = Representation(entityTag: "\"e\"", lastModified: 0, length: 0)
    private static let then = "Sun, 06 Nov 1994 08:49:37 GMT"
    private static let before = "Sun, 06 Nov 1994 08:49:36 GMT"
    private static let after = "Sunday, 06-Nov-94 08:49:38 GMT"

    private func select(
        _ fields: [(HTTPField.Name, String)], of representation: Representation = hundred, isHead: Bool = false
    ) -> Representation.Selection {
        representation.selection(
            for: HTTPFields(fields.map { HTTPField(name: $0.0, value: $0.1) }), isHead: isHead)
    }

    @Test(
        arguments: [
            ("bytes=0-0", .part(0..<1)), ("bytes=0-99", .part(0..<100)), ("bytes=0-100", .part(0..<100)),
            ("bytes=99-", .part(99..<100)), ("Bytes= 10-19 ", .part(10..<20)), ("bytes=-1", .part(99..<100)),
            ("bytes=-100", .part(0..<100)), ("bytes=-101", .part(0..<100)),
            ("bytes=0-99999999999999999999999", .part(0..<100)), ("bytes=-99999999999999999999999", .part(0..<100)),
            ("bytes=100-", .unsatisfiable), ("bytes=99999999999999999999-", .unsatisfiable),
            ("bytes=100-200", .unsatisfiable),
            ("bytes=-0", .unsatisfiable),
            ("", .whole), ("bytes", .whole), ("bytes=", .whole), ("bytes=-", .whole), ("bytes=5", .whole),
            ("bytes=5-4", .whole),
            ("bytes=0-1,3-4", .whole), ("bytes=a-b", .whole), ("bytes=1-b", .whole), ("bytes=--1", .whole),
            ("lines=0-1", .whole),
            ("bytes=+1-2", .whole),
        ] as [(String, Representation.Selection)])
    func `one range of bytes is sent, and what is none counts for nothing (S23)`(
        range: String, expected: Representation.Selection
    ) {
        #expect(select([(.range, range)]) == expected)
        #expect(select([(.range, range)], isHead: true) == .whole)
    }

    @Test(arguments: ["bytes=0-", "bytes=0-0", "bytes=-1"])
    func `nothing has no ranges (S23)`(range: String) {
        #expect(select([(.range, range)], of: Self.empty) == .unsatisfiable)
        #expect(select([], of: Self.empty) == .whole)
    }

    @Test func `a range may be asked of one version only, by its tag (S23)`() {
        let range = (HTTPField.Name.range, "bytes=0-0")
        #expect(select([range, (.ifRange, "\"a,b\"")]) == .part(0..<1))
        for other in ["\"b\"", "W/\"a,b\"", Self.then, ""] { #expect(select([range, (.ifRange, other)]) == .whole) }
    }

    @Test(
        arguments: [
            ("*", true, true), ("\"a,b\"", true, true), ("W/\"a,b\"", true, false), ("\"x\" , \"a,b\"", true, true),
            ("\"x\",W/\"a,b\"", true, false), ("\"a\", \"b\"", false, false), ("\"a,b", false, false),
            ("a,b", false, false),
            ("", false, false), ("**", false, false), ("\"", false, false),
        ])
    func `tags are compared weakly for a copy, and strongly for a part (S23)`(
        tags: String, weakly: Bool, strongly: Bool
    ) {
        #expect(select([(.ifNoneMatch, tags)]) == (weakly ? .notModified : .whole))
        #expect(select([(.ifMatch, tags)]) == (strongly ? .whole : .preconditionFailed))
    }

    @Test func `times are compared where there are no tags (S23)`() {
        #expect(select([(.ifModifiedSince, Self.before)]) == .whole)
        #expect(select([(.ifModifiedSince, Self.then)]) == .notModified)
        #expect(select([(.ifModifiedSince, Self.after)]) == .notModified)
        #expect(select([(.ifModifiedSince, "yesterday")]) == .whole)
        #expect(select([(.ifUnmodifiedSince, Self.before)]) == .preconditionFailed)
        #expect(select([(.ifUnmodifiedSince, Self.then)]) == .whole)
        #expect(select([(.ifUnmodifiedSince, Self.after)]) == .whole)
        #expect(select([(.ifUnmodifiedSince, "yesterday")]) == .whole)
        // A tag says it better (sections 13.1.3 and 13.1.4).
        #expect(select([(.ifNoneMatch, "\"x\""), (.ifModifiedSince, Self.after)]) == .whole)
        #expect(select([(.ifMatch, "*"), (.ifUnmodifiedSince, Self.before)]) == .whole)
        // Several lines are one list.
        #expect(select([(.ifNoneMatch, "\"x\""), (.ifNoneMatch, "\"a,b\"")]) == .notModified)
        // What fails comes before what is known.
        #expect(select([(.ifMatch, "\"x\""), (.ifNoneMatch, "\"a,b\"")]) == .preconditionFailed)
        #expect(select([(.ifNoneMatch, "*"), (.range, "bytes=200-")]) == .notModified)
    }

    @Test(
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
            ("Sun Nov  6 08:49:37 1994", 784_111_777), ("6 november 1994 8:49:37x", 784_111_777),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("29 Feb 2000 00:00:00", 951_782_400),
            ("1 Jan 69 0:0:0", 3_124_224_000),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799), ("", nil), ("tomorrow", nil),
            ("32 Jan 2000 00:00:00", nil),
            ("1 Jan 2000 24:00:00", nil), ("1 Jan 1600 00:00:00", nil), ("1 Jan 2000", nil), ("1 2000 00:00:00", nil),
            ("1 Jan 2000 00:00", nil), ("1 Jan 99999 00:00:00", nil),
        ] as [(String, Int64?)])
    func `reads dates in every form (RFC 6265 section 5.1.1) (C5)`(text: String, seconds: Int64?) {
        #expect(HTTPDate.seconds(text) == seconds)
    }

}
