import Testing

@testable import WSProtocol

/// What two ends agree on, for all that they could want (RFC 7692 section 7.1).
@Suite(.timeLimit(.minutes(2))) struct NegotiationPropertyTests {
    private typealias Window = CompressionParameters.ClientWindow

    /// All pairs of windows, or those at the edges with all wishes about contexts.
    private static let options: [CompressionOptions] = {
        let edges = [8, 9, 12, 15]
        return edges.flatMap { send in
            edges.flatMap { receive in
                [(true, true), (true, false), (false, true), (false, false)].map { takeovers in
                    CompressionOptions(
                        sendWindowBits: send, receiveWindowBits: receive, sendContextTakeover: takeovers.0,
                        receiveContextTakeover: takeovers.1)
                }
            }
        }
    }()

    /// Every offer that can be written.
    private static let offers: [CompressionParameters] = {
        let serverWindows: [Int?] = [nil] + (8...15).map { $0 }
        let clientWindows: [Window] = [.absent, .unspecified] + (8...15).map { .bits($0) }
        return serverWindows.flatMap { server in
            clientWindows.flatMap { client in
                (0..<4).map { contexts in
                    var offer = CompressionParameters()
                    offer.serverMaxWindowBits = server
                    offer.clientMaxWindowBits = client
                    offer.serverNoContextTakeover = contexts & 1 != 0
                    offer.clientNoContextTakeover = contexts & 2 != 0
                    return offer
                }
            }
        }
    }()

    @Test(arguments: options)
    func `a client and a server of ours always agree, and on the same (W17)`(client: CompressionOptions) throws {
        let offers = CompressionAgreement.offers(client).map(\.offer)
        for server in Self.options {
            let atServer = try #require(CompressionAgreement.accepting(offers, server))
            let atClient = try #require(CompressionAgreement(answer: atServer.answer, to: client))
            let isSame =
                atServer.serverWindowBits == atClient.serverWindowBits
                && atServer.clientWindowBits == atClient.clientWindowBits
                && atServer.serverContextTakeover == atClient.serverContextTakeover
                && atServer.clientContextTakeover == atClient.clientContextTakeover
            #expect(isSame, "\(atClient) and \(atServer)")
            let isWithinWishes =
                atServer.serverWindowBits <= min(server.sendWindowBits, client.receiveWindowBits)
                && atServer.clientWindowBits <= min(client.sendWindowBits, server.receiveWindowBits)
                && atServer.serverContextTakeover == (server.sendContextTakeover && client.receiveContextTakeover)
                && atServer.clientContextTakeover == (client.sendContextTakeover && server.receiveContextTakeover)
            #expect(isWithinWishes, "\(atServer) with \(server)")
        }
    }

    @Test(arguments: options)
    func `a server's answer to any offer is one that its sender must accept (W17)`(server: CompressionOptions) throws {
        for offer in Self.offers {
            let agreement = try #require(CompressionAgreement.accepting([offer.offer], server))
            let answer = try #require(CompressionParameters(agreement.answer))
            #expect(Self.isLegal(answer, to: offer), "\(answer.offer) to \(offer.offer)")
            #expect(answer.offer == agreement.answer)
            let isOwn =
                agreement.serverWindowBits == answer.serverMaxWindowBits ?? 15
                && agreement.serverWindowBits <= server.sendWindowBits
                && agreement.serverContextTakeover == !answer.serverNoContextTakeover
                && agreement.clientContextTakeover == !answer.clientNoContextTakeover
            #expect(isOwn, "\(agreement)")
            if case .bits(let bits) = answer.clientMaxWindowBits { #expect(agreement.clientWindowBits == bits) }
        }
    }

    @Test(arguments: options)
    func `a client accepts just the answers that one of its offers allows (W17)`(client: CompressionOptions) {
        let offers = CompressionAgreement.offers(client)
        // An answer looks like an offer.
        for answer in Self.offers {
            let isLegal = offers.contains { Self.isLegal(answer, to: $0) }
            let agreement = CompressionAgreement(answer: answer.offer, to: client)
            #expect((agreement != nil) == isLegal, "\(answer.offer)")
            guard let agreement else { continue }
            #expect(agreement.serverWindowBits == answer.serverMaxWindowBits ?? 15)
            #expect(agreement.clientWindowBits <= client.sendWindowBits)
        }
    }

    /// Sections 7.1.1 and 7.1.2, sentence by sentence.
    private static func isLegal(_ answer: CompressionParameters, to offer: CompressionParameters) -> Bool {
        // "A server accepts ... by including the server_no_context_takeover extension parameter"; it may of its own
        // accord.
        if offer.serverNoContextTakeover, !answer.serverNoContextTakeover { return false }
        // "a server ... with the same or smaller value as the offer"; it may come without an offer.
        if let most = offer.serverMaxWindowBits {
            guard let bits = answer.serverMaxWindowBits, bits <= most else { return false }
        }
        switch (offer.clientMaxWindowBits, answer.clientMaxWindowBits) {
        case (_, .absent): return true
        // "a value in the response", and "MUST NOT include ... if the offer does not have it".
        case (_, .unspecified), (.absent, .bits): return false
        // The value in an offer is "a hint"; a server "may either ignore this value or use this value".
        case (.unspecified, .bits), (.bits, .bits): return true
        }
    }
}
