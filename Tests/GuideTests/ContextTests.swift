import Foundation
import Testing

/// What the guide shows compiles wherever a reader puts it: as the code of `main.swift`, in a handler and in the body
/// of a process. (That it does in a function the sources in `Snippets` show, of which these programs are made.)
@Suite(.timeLimit(.minutes(5))) struct ContextTests {
    /// Those that return something.
    private static let onlyInFunctions: Set = ["server-handshake"]

    @Test func `each snippet compiles as a program, in a handler and in the body of a process`() async throws {
        let compiler = try Compiler()
        defer { compiler.removeScratch() }
        let snippets = try Documents.sources().flatMap { FramedSnippet.all(in: $0) }
            .filter { !ContextTests.onlyInFunctions.contains($0.name) }
        #expect(snippets.count > 60)
        var programs = snippets.compactMap(\.program)
        programs += Dictionary(grouping: snippets, by: \.imports).map { imports, snippets in
            Program(
                name: "closures", isMain: false,
                lines: Set(imports + ["import Actors", "import WSServer"]).sorted() + snippets.flatMap(\.inClosures))
        }
        let flaws = await compiler.check(programs)
        for flaw in flaws { Issue.record("\(flaw)") }
    }

    /// That the check sees what it is for.
    @Test func `a handler that loses the type of an error is found`() async throws {
        let compiler = try Compiler()
        defer { compiler.removeScratch() }
        let flaws = await compiler.check([
            Program(
                name: "lost", isMain: false,
                lines: [
                    "import WSServer", "", "let handler: WebSocket.Handler = { ws in",
                    "    do { _ = try await ws.recv() } catch { print(error.code) }", "}",
                ])
        ])
        #expect(flaws.count == 1 && flaws[0].contains("has no member 'code'"))
    }
}

/// A snippet with what it takes for granted: the parameters of its function, and what stands before it there.
private struct FramedSnippet {
    let name: String
    let imports: [String]
    /// As `name: Type`, without `inout` and the like.
    private let parameters: [(name: String, type: String, isVar: Bool)]
    /// The parameter that the function is isolated to.
    private let isolated: String?
    private let lines: [String]

    /// The snippets of those functions of a source that are not part of a type and end with their snippet's scope.
    static func all(in source: Source) -> [FramedSnippet] {
        var found: [FramedSnippet] = []
        var signature = ""
        var body: [String] = []
        var start: (name: String, line: Int)?
        for line in source.lines {
            let words = line.trimmingCharacters(in: .whitespaces)
            if line.hasPrefix("func ") || (!signature.isEmpty && !signature.hasSuffix("{")) {
                if line.hasPrefix("func ") { (signature, body) = ("", []) }
                signature += words
            } else if line == "}" {
                (signature, body) = ("", [])
            } else if words.hasPrefix("// guide: ") {
                // One that stands deeper is part of something that it does not show.
                if line.hasPrefix("    // guide"), !signature.isEmpty {
                    start = (String(words.dropFirst("// guide: ".count)), body.count)
                }
            } else if words == "// end" {
                if let start, let snippet = FramedSnippet(start.name, source, signature, body) { found.append(snippet) }
                start = nil
            } else if !signature.isEmpty {
                body.append(line)
            }
        }
        return found
    }

    private init?(_ name: String, _ source: Source, _ signature: String, _ body: [String]) {
        guard let open = signature.firstIndex(of: "("), !signature[..<open].contains("<") else { return nil }
        var parameters: [(String, String, Bool)] = []
        var isolated: String?
        for parameter in FramedSnippet.split(signature[signature.index(after: open)...]) {
            let parts = parameter.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let local = parts[0].split(separator: " ").last else { return nil }
            var type = parts[1].trimmingCharacters(in: .whitespaces)
            var isVar = false
            for word in ["inout ", "isolated ", "@escaping "] where type.hasPrefix(word) {
                type.removeFirst(word.count)
                if word == "inout " { isVar = true }
                if word == "isolated " { isolated = String(local) }
            }
            if type.hasPrefix("some ") { return nil }
            parameters.append((String(local), type, isVar))
        }
        self.name = name
        self.parameters = parameters
        self.isolated = isolated
        // Types that other snippets have shown are in this module.
        imports = source.imports.sorted() + ["@testable import GuideTests"]
        lines = body.outdented
    }

    /// The parameters of a function, up to the end of its list.
    private static func split(_ text: Substring) -> [String] {
        var (parts, depth) = ([""], 0)
        for character in text {
            if character == ")" && depth == 0 { break }
            if "(<[".contains(character) { depth += 1 }
            if ")>]".contains(character), parts.last?.hasSuffix("-") != true { depth -= 1 }
            if character == "," && depth == 0 { parts.append("") } else { parts[parts.count - 1].append(character) }
        }
        return parts.filter { !$0.isEmpty }
    }

    private var returns: Bool { lines.contains { $0.hasPrefix("return") } }

    private func holes(without name: String? = nil) -> [String] {
        parameters.filter { $0.name != name }.map { "\($0.isVar ? "var" : "let") \($0.name): \($0.type) = hole()" }
    }

    /// As `main.swift`; not for one that runs as an actor.
    var program: Program? {
        if isolated != nil || returns { return nil }
        return Program(name: name, isMain: true, lines: imports + holes() + lines)
    }

    /// In a handler, and in the body of a process.
    var inClosures: [String] {
        if returns { return [] }
        let isHandler = isolated == nil || parameters.contains { $0.name == isolated && $0.type == "WebSocket" }
        let handler = isHandler ? closure("connection", "WebSocket", isolated ?? "_") : []
        return handler + (isolated == nil ? closure("process", "Actors.Process<Int>", "_") : [])
    }

    private func closure(_ kind: String, _ type: String, _ parameter: String) -> [String] {
        let function = name.replacingOccurrences(of: "-", with: "_")
        return [
            "func \(function)_\(kind)() {",
            "let _: @Sendable (isolated \(type)) async throws -> Void = { \(parameter) in",
        ]
            + holes(without: parameter) + lines + ["}", "}"]
    }
}

/// Something to compile.
private struct Program {
    let name: String
    /// Whether it is code that runs, and not declarations only.
    let isMain: Bool
    let lines: [String]
}

/// The compiler, with the modules that this test was built with.
private struct Compiler {
    private let scratch: URL
    private let flags: [String]

    init() throws {
        let build = try #require(Compiler.buildFolder)
        let root = Documents.root
        let maps = [
            build.appending(path: "CHansomSystem.build/module.modulemap"),
            root.appending(path: "Sources/CTLS/module.modulemap"),
            root.appending(path: "Sources/CHansomZlib/module.modulemap"),
        ]
        flags =
            ["-swift-version", "6", "-suppress-warnings", "-I", build.appending(path: "Modules").path]
            + maps.flatMap { ["-Xcc", "-fmodule-map-file=\($0.path)"] }
        scratch = FileManager.default.temporaryDirectory.appending(path: "guide-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        try "func hole<T>() -> T { fatalError() }\n".write(to: hole, atomically: true, encoding: .utf8)
    }

    private var hole: URL { scratch.appending(path: "hole.swift") }

    func removeScratch() { try? FileManager.default.removeItem(at: scratch) }

    /// Where the modules are: beside the program that runs the tests.
    private static var buildFolder: URL? {
        var folder = URL(filePath: CommandLine.arguments[0]).standardizedFileURL
        let debug = Documents.root.appending(path: ".build/debug")
        while folder.path != "/" {
            folder.deleteLastPathComponent()
            if FileManager.default.fileExists(atPath: folder.appending(path: "Modules/WSClient.swiftmodule").path) {
                return folder
            }
        }
        return FileManager.default.fileExists(atPath: debug.appending(path: "Modules").path) ? debug : nil
    }

    /// Compiles the programs, two at a time.
    ///
    /// - Returns: what is wrong with those that do not compile.
    func check(_ programs: [Program]) async -> [String] {
        await withTaskGroup(of: String?.self) { group in
            var left = programs.enumerated().makeIterator()
            var flaws: [String] = []
            func begin() {
                guard let (number, program) = left.next() else { return }
                group.addTask { await flaw(of: program, number) }
            }
            for _ in 0..<2 { begin() }
            while let flaw = await group.next() {
                if let flaw { flaws.append(flaw) }
                begin()
            }
            return flaws
        }
    }

    private func flaw(of program: Program, _ number: Int) async -> String? {
        await withCheckedContinuation { continuation in
            // What waits for another program does not belong on the threads that run tasks.
            Thread { continuation.resume(returning: compile(program, number)) }.start()
        }
    }

    /// As far as the checks of the compiler's own intermediate language: one of its faults shows only there.
    private func compile(_ program: Program, _ number: Int) -> String? {
        let folder = scratch.appending(path: "\(number)")
        let file = folder.appending(path: program.isMain ? "main.swift" : "closures.swift")
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try (program.lines.joined(separator: "\n") + "\n").write(to: file, atomically: true, encoding: .utf8)
            let swiftc = Foundation.Process()
            swiftc.executableURL = URL(filePath: "/usr/bin/env")
            swiftc.arguments =
                ["swiftc", "-emit-sil", "-o", folder.appending(path: "out").path, "-wmo"] + flags + [
                    file.path, hole.path,
                ]
            let pipe = Pipe()
            swiftc.standardOutput = pipe
            swiftc.standardError = pipe
            try swiftc.run()
            let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            swiftc.waitUntilExit()
            if swiftc.terminationStatus == 0 { return nil }
            let errors = output.components(separatedBy: "\n").filter { $0.contains("error:") }
            return "\(program.name): \(errors.joined(separator: "\n"))\n\(program.lines.joined(separator: "\n"))"
        } catch {
            return "\(program.name): \(error)"
        }
    }
}
