/// What both ends agreed on about compression (RFC 7692 section 7.1), and how this end goes about it.
public struct CompressionAgreement: Hashable, Sendable {
    /// How far back what the server sends may refer, as a power of two: 8 to 15.
    public let serverWindowBits: Int
    /// How far back what the client sends may refer, as a power of two: 8 to 15.
    public let clientWindowBits: Int
    /// Whether what the server sends may refer to earlier messages.
    public let serverContextTakeover: Bool
    /// Whether what the client sends may refer to earlier messages.
    public let clientContextTakeover: Bool
    /// The extension as the server answers with it.
    public let answer: ExtensionOffer
    /// What this end asked for.
    let options: CompressionOptions
}

// MARK: - The server's side

extension CompressionAgreement {
    /// Takes the first of the client's offers that is sound (RFC 7692 section 5.1: they come in order of preference).
    ///
    /// - Returns: `nil` when no offer is: the connection is not compressed.
    static func accepting(_ offers: [ExtensionOffer], _ options: CompressionOptions) -> CompressionAgreement? {
        offers.lazy.compactMap(CompressionParameters.init).first.map { CompressionAgreement(accepting: $0, options) }
    }

    private init(accepting offer: CompressionParameters, _ options: CompressionOptions) {
        var answer = CompressionParameters()
        let serverBits = min(options.sendWindowBits, offer.serverMaxWindowBits ?? 15)
        if serverBits < 15 || offer.serverMaxWindowBits != nil { answer.serverMaxWindowBits = serverBits }
        // A client that does not mention its window cannot be told to make it smaller (section 7.1.2.2).
        let clientBits =
            switch offer.clientMaxWindowBits {
            case .absent: 15
            case .unspecified: options.receiveWindowBits
            case .bits(let bits): min(options.receiveWindowBits, bits)
            }
        if clientBits < 15 { answer.clientMaxWindowBits = .bits(clientBits) }
        answer.serverNoContextTakeover = offer.serverNoContextTakeover || !options.sendContextTakeover
        answer.clientNoContextTakeover = offer.clientNoContextTakeover || !options.receiveContextTakeover
        self.init(
            serverWindowBits: serverBits, clientWindowBits: clientBits,
            serverContextTakeover: !answer.serverNoContextTakeover,
            clientContextTakeover: !answer.clientNoContextTakeover, answer: answer.offer, options: options)
    }
}

// MARK: - The client's side

extension CompressionAgreement {
    /// What a client offers, most wanted first. A server that cannot make its window smaller must decline an offer that asks for
    /// it (section 7.1.2.1), so the last one does not ask.
    static func offers(_ options: CompressionOptions) -> [CompressionParameters] {
        if let offers = options.offers { return offers.map(\.parameters) }
        var offer = CompressionParameters()
        offer.serverNoContextTakeover = !options.receiveContextTakeover
        offer.clientNoContextTakeover = !options.sendContextTakeover
        offer.clientMaxWindowBits = options.sendWindowBits < 15 ? .bits(options.sendWindowBits) : .unspecified
        guard options.receiveWindowBits < 15 else { return [offer] }
        var wanted = offer
        wanted.serverMaxWindowBits = options.receiveWindowBits
        return [wanted, offer]
    }

    /// Judges the server's answer.
    ///
    /// - Returns: `nil` when it is an answer to none of the offers.
    init?(answer: ExtensionOffer, to options: CompressionOptions) {
        guard let parameters = CompressionParameters(answer), parameters.clientMaxWindowBits != .unspecified,
            Self.offers(options).contains(where: { Self.isAnswer(parameters, to: $0) })
        else { return nil }
        var clientBits = options.sendWindowBits
        if case .bits(let bits) = parameters.clientMaxWindowBits { clientBits = min(clientBits, bits) }
        self.init(
            serverWindowBits: parameters.serverMaxWindowBits ?? 15, clientWindowBits: clientBits,
            serverContextTakeover: !parameters.serverNoContextTakeover,
            clientContextTakeover: options.sendContextTakeover && !parameters.clientNoContextTakeover,
            answer: answer, options: options)
    }

    /// Whether a server may answer so: what the offer demands is there. The size of the client's own window is not a demand but a
    /// hint, which a server may ignore (section 7.1.2.2): an answer with a larger one leaves the client with its own.
    private static func isAnswer(_ answer: CompressionParameters, to offer: CompressionParameters) -> Bool {
        if offer.serverNoContextTakeover && !answer.serverNoContextTakeover { return false }
        // "If a received offer doesn't have the parameter, the response MUST NOT include it" (section 7.1.2.2).
        if offer.clientMaxWindowBits == .absent && answer.clientMaxWindowBits != .absent { return false }
        if let most = offer.serverMaxWindowBits, answer.serverMaxWindowBits.map({ $0 > most }) ?? true { return false }
        return true
    }
}
