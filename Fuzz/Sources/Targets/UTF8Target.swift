@testable import WSProtocol

/// The validator against Swift's own, and cut anywhere against whole.
func fuzzUTF8(_ input: [UInt8]) {
    var choices = Choices(input)
    let cuts = choices.bytes(choices.number(upTo: 4))
    let text = choices.remaining()
    let firstBad = ReferenceUTF8.firstBad(in: text)

    var whole = UTF8Validator()
    requireEqual(whole.offsetOfFault(in: text), firstBad, "first bad byte")
    if firstBad == nil {
        requireEqual(whole.isComplete, String(validating: text, as: UTF8.self) != nil, "whole text")
    }
    var pieces = UTF8Validator()
    var offset = 0
    for piece in text.pieces(cutBy: cuts) {
        if let bad = pieces.offsetOfFault(in: piece) {
            requireEqual(offset + bad, firstBad, "first bad byte, in pieces")
            return
        }
        offset += piece.count
        require(pieces.pendingCount <= min(3, offset), "more pending than a character has")
        let whole = text[..<(offset - pieces.pendingCount)]
        require(String(validating: whole, as: UTF8.self) != nil, "what is not pending is whole characters")
    }
    requireEqual(firstBad, nil, "a bad byte, in pieces")
    requireEqual(pieces.isComplete, whole.isComplete, "complete, in pieces")
}

extension UTF8Validator {
    fileprivate mutating func offsetOfFault(in bytes: [UInt8]) -> Int? {
        unsafe bytes.withUnsafeBytes { unsafe firstInvalid(in: $0) }
    }
}
