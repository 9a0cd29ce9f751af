import Foundation
import Testing

/// What README.md and GUIDE.md show is code that compiles, since each block stands in a source of this target too.
@Suite(.timeLimit(.minutes(2))) struct DocumentTests {
    @Test(arguments: Documents.names)
    func `each block of Swift stands in a source that imports what it imports`(name: String) throws {
        let sources = try Documents.sources()
        let examples = try Documents.examples()
        let blocks = CodeBlock.all(in: try Documents.text(of: name)).filter { !$0.isManifest }
        #expect(!blocks.isEmpty)
        for block in blocks {
            let isKnown = sources.contains { source in
                source.imports.isSuperset(of: block.imports) && source.pieces.values.contains(block.body)
            }
            // Of an example it may leave something out between two paragraphs.
            let paragraphs = block.body.split(separator: "")
            let isQuoted = examples.contains { example in
                example.imports.isSuperset(of: block.imports)
                    && paragraphs.allSatisfy { example.lines.contains(paragraph: Array($0)) }
            }
            #expect(isKnown || isQuoted, "no source of Tests/GuideTests has this block of \(name):\n\(block)")
        }
    }

    @Test func `each piece of the sources stands in a document`() throws {
        let blocks = try Documents.names.flatMap { CodeBlock.all(in: try Documents.text(of: $0)) }.map(\.body)
        for source in try Documents.sources() {
            for (name, piece) in source.pieces {
                #expect(blocks.contains(piece), "\(name) of \(source.name) is in no document")
            }
        }
    }

    @Test(arguments: Documents.names)
    func `manifests name products that the package has`(name: String) throws {
        let package = try Documents.text(of: "Package.swift")
        for block in CodeBlock.all(in: try Documents.text(of: name)) where block.isManifest {
            for line in block.body where line.contains(".product(name: ") {
                let product = line.components(separatedBy: "\"")[1]
                #expect(package.contains(".library(name: \"\(product)\""), "the package has no product \(product)")
            }
        }
    }

    @Test func `each public type is named in README.md or GUIDE.md`() throws {
        let words = Set(
            try Documents.names.flatMap { name in
                try Documents.text(of: name).split { !$0.isLetter && !$0.isNumber }.map(String.init)
            })
        let types = try Documents.publicTypes()
        #expect(types.count > 100)
        #expect(types.subtracting(words) == [])
    }
}
