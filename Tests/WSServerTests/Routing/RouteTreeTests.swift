import Testing
import WSServer

/// Which route a path finds (S7).
@Suite(.timeLimit(.minutes(2))) struct RouteTreeTests {
    private func tree(_ paths: [String]) throws -> RouteTree<String> {
        var tree = RouteTree<String>()
        for path in paths {
            try tree.update(RoutePattern(path), default: path) { _ throws(RoutePattern.Flaw) in }
        }
        return tree
    }

    private static let paths = [
        "/", "/a", "/a/", "/a/b", "/a/:x", "/a/:x/c", "/a/b/d", "/:x/:y/e", "/files/*", "/files/:name/meta",
        "/caf\u{E9}", "/x/*", "/x/y/z",
    ]

    @Test(
        arguments: [
            ([""], "/", [:]), (["a"], "/a", [:]), (["a", ""], "/a/", [:]), (["a", "b"], "/a/b", [:]),
            (["a", "q"], "/a/:x", ["x": "q"]), (["a", "b", "c"], "/a/:x/c", ["x": "b"]),
            (["a", "b", "d"], "/a/b/d", [:]), (["a", "b", "e"], "/:x/:y/e", ["x": "a", "y": "b"]),
            (["q", "r", "e"], "/:x/:y/e", ["x": "q", "y": "r"]), (["", "r", "e"], nil, [:]),
            (["files"], "/files/*", ["*": ""]), (["files", ""], "/files/*", ["*": ""]),
            (["files", "p", "q"], "/files/*", ["*": "p/q"]),
            (["files", "p", "meta"], "/files/:name/meta", ["name": "p"]),
            (["caf\u{E9}"], "/caf\u{E9}", [:]), (["A"], nil, [:]), (["a", "b", "x"], nil, [:]), (["nothing"], nil, [:]),
            (["x", "y", "q"], "/x/*", ["*": "y/q"]), (["x", "y", "z"], "/x/y/z", [:]),
        ] as [([String], String?, [String: String])])
    func `exact segments win over parameters, and those over a tail (S7)`(
        segments: [String], path: String?, parameters: [String: String]
    ) throws {
        let match = try tree(Self.paths).match(segments)
        #expect(match?.place == path)
        #expect(match?.parameters ?? [:] == parameters)
    }

    @Test(arguments: ["", "a", "/:", "/*/a", "/:x/:x", "/:x/b/:x/*"])
    func `says what is wrong with a path (S7)`(path: String) {
        #expect(throws: RoutePattern.Flaw.self) { try RoutePattern(path) }
    }

    @Test func `keeps to one set of names at one place (S7)`() throws {
        #expect(throws: RoutePattern.Flaw.self) { try tree(["/a/:x", "/a/:y"]) }
        #expect(try tree(["/a/:x", "/a/:y/b"]).match(["a", "1", "b"])?.parameters == ["y": "1"])
    }

    @Test func `visits no place twice, however the path tries to lead it around (S7)`() throws {
        // With exact and parameter segments side by side at each step, going back blindly would take 2^20 steps.
        let depth = 20
        let exact = "/" + Array(repeating: "a", count: depth).joined(separator: "/")
        let open = "/" + (0..<depth).map { ":p\($0)" }.joined(separator: "/")
        let tree = try tree([exact, open])
        #expect(tree.match(Array(repeating: "a", count: depth) + ["b"])?.place == nil)
        #expect(tree.match(Array(repeating: "a", count: depth - 1) + ["b"])?.place == open)
    }
}
