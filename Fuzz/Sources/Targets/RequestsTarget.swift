import HTTPTypes

@testable import HansomHTTP
@testable import WSProtocol

/// Request heads, cut anywhere against whole; what is accepted is written and read again; what the server's half of the
/// handshake says to them can be read by a client.
func fuzzRequests(_ input: [UInt8]) {
    var choices = Choices(input)
    let limits = HeadTrials.limits(&choices)
    let options = choices.flag() ? Agreements.chooseOptions(&choices) : nil
    let cuts = choices.bytes(choices.number(upTo: 4))
    let bytes = choices.remaining()

    let acceptsHTTP10 = cuts.count & 1 == 1
    let whole = HeadTrials.read([bytes]) { RequestHeadParser(limits: limits, acceptsHTTP10: acceptsHTTP10) }
    let pieces = HeadTrials.read(bytes.pieces(cutBy: cuts)) {
        RequestHeadParser(limits: limits, acceptsHTTP10: acceptsHTTP10)
    }
    whole.requireSame(pieces, limits: limits)
    guard let head = whole.head else { return }
    let again = HeadTrials.read([head.bytes]) { RequestHeadParser(limits: .generous, acceptsHTTP10: true) }
    requireEqual(again.head, head, "written and read again")
    if let segments = RequestTarget(head.target).segments {
        require(!segments.contains { $0 == "." || $0 == ".." || $0.utf8.contains(0) }, "\(segments) lead elsewhere")
    }
    judge(head, options)
}

/// Every verdict on a request is an answer that can be read.
private func judge(_ head: RequestHead, _ options: CompressionOptions?) {
    let rules = ServerHandshake.Rules(
        origin: .any, subprotocols: .preferring(["chat", "superchat"]), compression: options)
    let verdict = ServerHandshake.evaluate(head, rules: rules)
    let answer: [UInt8]
    switch verdict {
    case .accept(let acceptance):
        require(head.isUpgrade, "no upgrade, and yet accepted")
        answer = acceptance.responseBytes
    case .refuse(let refusal):
        answer = refusal.bytes
    }
    let read = HeadTrials.read([answer]) { ResponseHeadParser(limits: .generous) }
    guard let response = read.head else {
        fatalError("answer that nobody can read: \(String(decoding: answer, as: UTF8.self))")
    }
    switch verdict {
    case .accept:
        requireEqual(response.isUpgrade && read.consumed == answer.count, true, "an upgrade and nothing behind it")
    case .refuse(let refusal):
        requireEqual(response.status, refusal.status, "status")
        require((400...599).contains(refusal.status), "status \(refusal.status)")
        requireEqual(response.fields[.contentLength], String(answer.count - read.consumed), "length of the body")
    }
}
