import HTTPTypes

@testable import HansomHTTP
@testable import WSProtocol

/// The list fields of the handshake: what is accepted is written and read again; compression is agreed on within what
/// was offered.
func fuzzFields(_ input: [UInt8]) {
    var choices = Choices(input)
    let options = Agreements.chooseOptions(&choices)
    let bytes = choices.remaining()

    var tokens = FieldListParser(bytes.makeIterator())
    if let names = tokens.tokens() {
        require(names.allSatisfy(\.isToken), "\(names) are not all tokens")
        var again = FieldListParser(names.joined(separator: ", ").utf8.makeIterator())
        requireEqual(again.tokens(), names, "tokens, written and read again")
    }
    var extensions = FieldListParser(bytes.makeIterator())
    guard let offers = extensions.extensions() else { return }
    var again = FieldListParser(offers.map(\.description).joined(separator: ",").utf8.makeIterator())
    requireEqual(again.extensions(), offers, "extensions, written and read again")
    if let agreement = CompressionAgreement.accepting(offers, options) { check(agreement, offers) }
    if let answer = offers.first, let agreement = CompressionAgreement(answer: answer, to: options) {
        requireWindows(agreement)
        require(agreement.clientWindowBits <= options.sendWindowBits, "more than the client sends")
    }
}

private func requireWindows(_ agreement: CompressionAgreement) {
    require((8...15).contains(agreement.serverWindowBits), "server's window \(agreement.serverWindowBits)")
    require((8...15).contains(agreement.clientWindowBits), "client's window \(agreement.clientWindowBits)")
}

/// The answer is allowed by the first sound offer (RFC 7692 section 7.1).
private func check(_ agreement: CompressionAgreement, _ offers: [ExtensionOffer]) {
    requireWindows(agreement)
    guard let offer = offers.lazy.compactMap(CompressionParameters.init).first,
        let answer = CompressionParameters(agreement.answer)
    else { fatalError("\(agreement.answer) answers to nothing") }
    requireEqual(answer.offer, agreement.answer, "answer, read and written again")
    require(answer.serverNoContextTakeover || !offer.serverNoContextTakeover, "the server's context is taken over")
    requireEqual(agreement.serverContextTakeover, !answer.serverNoContextTakeover, "server's context")
    requireEqual(agreement.clientContextTakeover, !answer.clientNoContextTakeover, "client's context")
    requireEqual(agreement.serverWindowBits, answer.serverMaxWindowBits ?? 15, "server's window")
    if let most = offer.serverMaxWindowBits { require(agreement.serverWindowBits <= most, "server's window") }
    switch (offer.clientMaxWindowBits, answer.clientMaxWindowBits) {
    case (_, .unspecified): fatalError("an answer without a number")
    case (.absent, .bits): fatalError("a window that the client did not mention")
    case (.bits(let most), .bits(let bits)): require(bits <= most, "client's window")
    default: break
    }
}
