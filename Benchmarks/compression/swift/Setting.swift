import HansomHTTP
import WSProtocol

/// One choice of window, memory level and context takeover, and what comes of it.
struct Setting {
    struct NotAgreed: Error {}

    let windowBits: Int
    let memoryLevel: Int
    let keepsContext: Bool

    private var options: CompressionOptions {
        CompressionOptions(
            sendWindowBits: windowBits, receiveWindowBits: windowBits, sendContextTakeover: keepsContext,
            receiveContextTakeover: keepsContext, memoryLevel: memoryLevel)
    }

    /// Two ends that agreed on it.
    func makePair() throws -> Pair {
        let handshake = try ClientHandshake(
            target: "/", host: "localhost", compression: options, key: [UInt8](repeating: 0, count: 16))
        guard
            case .accept(let acceptance) = ServerHandshake.evaluate(
                handshake.request, rules: .init(compression: options)),
            let client = try handshake.verify(ResponseHead(status: 101, fields: acceptance.fields)).compression
        else { throw NotAgreed() }
        return Pair(
            server: ProtocolMachine(role: .server, compression: acceptance.compression),
            client: ProtocolMachine(role: .client(maskKeys: { 0x1234_5678 }), compression: client))
    }

    /// The ends of one connection.
    final class Pair {
        var server: ProtocolMachine
        var client: ProtocolMachine

        init(server: consuming ProtocolMachine, client: consuming ProtocolMachine) {
            self.server = server
            self.client = client
        }
    }
}
