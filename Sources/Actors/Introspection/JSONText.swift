/// JSON being written, member by member (RFC 8259).
package struct JSONText {
    package private(set) var text = ""
    private var needsComma = false

    package init() {}

    /// An object, or `{` to `}` of what `body` writes.
    package mutating func object(_ key: String? = nil, _ body: (inout JSONText) -> Void) {
        begin(key, "{")
        body(&self)
        end("}")
    }

    package mutating func array<C: Collection>(_ key: String, _ elements: C, _ body: (inout JSONText, C.Element) -> Void) {
        begin(key, "[")
        for element in elements { body(&self, element) }
        end("]")
    }

    package mutating func member(_ key: String?, _ value: some BinaryInteger) { write(key, "\(value)") }

    /// - Parameter limit: how many bytes of it are written; dots stand for the rest.
    package mutating func member(_ key: String?, _ value: String, atMost limit: Int = .max) {
        write(key, JSONText.quoted(value, atMost: limit))
    }

    /// In nanoseconds.
    package mutating func member(_ key: String, _ value: Duration) { member(key, value.clampedNanoseconds) }

    private mutating func write(_ key: String?, _ value: String) {
        separate(key)
        text += value
        needsComma = true
    }

    private mutating func begin(_ key: String?, _ bracket: String) {
        separate(key)
        text += bracket
        needsComma = false
    }

    private mutating func end(_ bracket: String) {
        text += bracket
        needsComma = true
    }

    private mutating func separate(_ key: String?) {
        if needsComma { text += "," }
        if let key { text += JSONText.quoted(key) + ":" }
    }

    private static func quoted(_ text: String, atMost limit: Int = .max) -> String {
        "\"\(LogText.escaped(text, .json, atMost: limit))\""
    }
}
