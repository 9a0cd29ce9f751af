import ProtocolTesting
import Testing
import WSProtocol

@Suite(.timeLimit(.minutes(2))) struct CodesTests {
    @Test func `allows exactly the close codes of the registry on the wire (W9)`() {
        let allowed = (0...UInt16.max).filter { CloseCode(rawValue: $0).canBeSent }
        #expect(allowed == Array(1000...1003) + Array(1007...1014) + Array(3000...4999))
        #expect(allowed == (0...UInt16.max).filter { CloseCode(rawValue: $0).canBeReceived })
    }

    @Test func `names every registered close code`() {
        let named: [CloseCode] = [
            .normal, .goingAway, .protocolError, .unsupportedData, .reserved, .noStatus, .abnormal, .invalidPayload,
            .policyViolation, .messageTooBig, .mandatoryExtension, .internalError, .serviceRestart, .tryAgainLater,
            .badGateway, .tlsHandshakeFailure,
        ]
        #expect(named.map(\.rawValue) == Array(1000...1015))
        #expect(CloseCode.normal.description == "1000")
    }

    @Test func `knows which opcodes are defined and which control`() {
        let all = (0...15).map { Opcode(rawValue: $0) }
        #expect(all.filter(\.isDefined) == [.continuation, .text, .binary, .close, .ping, .pong])
        #expect(all.filter(\.isControl).map(\.rawValue) == Array(8...15))
    }
}
