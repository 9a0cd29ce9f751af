import HTTPTypes

@testable import HansomHTTP
@testable import WSProtocol

/// Response heads, as `fuzzRequests` has requests, strict and forgiving; and the client's half of the handshake.
func fuzzResponses(_ input: [UInt8]) {
    var choices = Choices(input)
    let limits = HeadTrials.limits(&choices)
    let acceptsHTTP10 = choices.flag()
    let options = choices.flag() ? Agreements.chooseOptions(&choices) : nil
    let cuts = choices.bytes(choices.number(upTo: 4))
    let bytes = choices.remaining()

    let isForgiving = cuts.count & 1 == 1
    func parser() -> ResponseHeadParser {
        ResponseHeadParser(limits: limits, acceptsHTTP10: acceptsHTTP10, isForgiving: isForgiving)
    }
    let whole = HeadTrials.read([bytes], with: parser)
    let pieces = HeadTrials.read(bytes.pieces(cutBy: cuts), with: parser)
    whole.requireSame(pieces, limits: limits)
    guard let head = whole.head else { return }
    require(head.fault == nil || isForgiving && head.status != 101, "forgiven: \(head)")
    if isWritable(head), head.fault == nil {
        let again = HeadTrials.read([head.bytes]) { ResponseHeadParser(limits: .generous) }
        requireEqual(again.head, head, "written and read again")
    }
    verify(head, options)
}

/// A status is written without leading zeros, and a reason that is not UTF-8 was repaired when it was read.
private func isWritable(_ head: ResponseHead) -> Bool { head.status >= 100 }

private func verify(_ head: ResponseHead, _ options: CompressionOptions?) {
    do {
        let handshake = try ClientHandshake(
            target: "/", host: "localhost", subprotocols: ["chat"], compression: options,
            key: Array("the sample nonce".utf8))
        guard let negotiated = try? handshake.verify(head) else { return }
        require(head.isUpgrade, "no upgrade, and yet verified")
        require(negotiated.subprotocol == nil || negotiated.subprotocol == "chat", "a subprotocol that was not offered")
        require(negotiated.compression == nil || options != nil, "compression that was not offered")
        guard let agreement = negotiated.compression, let options else { return }
        require((8...15).contains(agreement.serverWindowBits), "server's window \(agreement.serverWindowBits)")
        require((8...options.sendWindowBits).contains(agreement.clientWindowBits), "client's window")
        require(options.receiveContextTakeover || !agreement.serverContextTakeover, "server's context")
    } catch {
        fatalError("\(error)")
    }
}
