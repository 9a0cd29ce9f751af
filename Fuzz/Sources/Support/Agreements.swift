import HTTPTypes

@testable import HansomHTTP
@testable import WSProtocol

/// Agreements on compression, as a handshake comes to them.
enum Agreements {
    static func chooseOptions(_ choices: inout Choices) -> CompressionOptions {
        let (shape, windows, levels) = (choices.byte(), choices.byte(), choices.byte())
        return CompressionOptions(
            sendWindowBits: 8 + Int(windows & 7), receiveWindowBits: 8 + Int(windows >> 4 & 7),
            sendContextTakeover: shape & 1 == 0, receiveContextTakeover: shape & 2 == 0,
            threshold: shape & 4 == 0 ? 0 : 16, level: Int(levels % 10), memoryLevel: 1 + Int(levels >> 4) % 9)
    }

    /// For either end: a server's view of what a client of the same options agrees to.
    static func choose(_ choices: inout Choices) -> CompressionAgreement {
        let options = chooseOptions(&choices)
        return negotiate(client: options, server: options).server
    }

    /// Carries out a handshake, and expects that both ends come to the same.
    static func negotiate(
        client: CompressionOptions, server: CompressionOptions
    ) -> (client: CompressionAgreement, server: CompressionAgreement) {
        do {
            let handshake = try ClientHandshake(
                target: "/", host: "localhost", compression: client, key: Array("the sample nonce".utf8))
            guard
                case .accept(let acceptance) = ServerHandshake.evaluate(
                    handshake.request, rules: .init(compression: server))
            else { fatalError("handshake refused") }
            let negotiated = try handshake.verify(ResponseHead(status: 101, fields: acceptance.fields))
            guard let atClient = negotiated.compression, let atServer = acceptance.compression else {
                fatalError("no compression agreed on by \(client) and \(server)")
            }
            requireEqual(atClient.answer, atServer.answer, "answer")
            requireEqual(atClient.serverContextTakeover, atServer.serverContextTakeover, "server's context")
            requireEqual(atClient.clientContextTakeover, atServer.clientContextTakeover, "client's context")
            requireEqual(atClient.serverWindowBits, atServer.serverWindowBits, "server's window")
            requireEqual(atClient.clientWindowBits, atServer.clientWindowBits, "client's window")
            return (atClient, atServer)
        } catch {
            fatalError("\(error) between \(client) and \(server)")
        }
    }
}

extension CompressionAgreement {
    /// Whether it may depend on where the stream is cut that a reference beyond the window is refused: zlib looks no
    /// closer than to what it still reaches, and with the largest window that is the window.
    func isLenient(isServer: Bool) -> Bool { (isServer ? clientWindowBits : serverWindowBits) < 15 }
}
