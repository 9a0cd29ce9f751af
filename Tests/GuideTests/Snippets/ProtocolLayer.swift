import HansomHTTP
import WSProtocol

func answer(_ bytes: [UInt8]) throws -> [UInt8] {
    // guide: machine
    var machine = ProtocolMachine(role: .server, limits: MessageLimits(maxMessageSize: 64 << 10))
    for event in machine.receive(bytes) {
        switch event {
        case .text(let text): try machine.send(text: text)
        case .binary(let payload): try machine.send(binary: payload)
        case .ping, .pong, .fragment: break
        case .close(let close): print("the peer closed with \(close.code)")
        case .failure(let failure): print("the peer broke a rule: \(failure)")
        }
    }
    let answer = machine.output.drain()
    // end
    return answer
}

func shakeHands(_ bytes: [UInt8]) throws -> [UInt8]? {
    // guide: server-handshake
    var parser = RequestHeadParser()
    let (consumed, request) = try parser.parse(bytes)
    guard let request else { return nil }
    print("\(bytes.count - consumed) bytes behind the head are frames already")
    switch ServerHandshake.evaluate(request) {
    case .accept(let acceptance): return acceptance.responseBytes
    case .refuse(let refusal): return refusal.bytes
    }
    // end
}
