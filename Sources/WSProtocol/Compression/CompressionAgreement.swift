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
    /// What a client offers, most wanted first. A server that cannot make its window smaller must decline an offer that
    /// asks for it (section 7.1.2.1), so the last one does not ask.
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

    /// Whether a server may answer so: what the offer demands is there. The size of the client's own window is not a
    /// demand but a hint, which a server may ignore (section 7.1.2.2): an answer with a larger one leaves the client
    /// with its own.
    private static func isAnswer(_ answer: CompressionParameters, to offer: CompressionParameters) -> Bool {
        if offer.serverNoContextTakeover && !answer.serverNoContextTakeover { return false }
        // "If a received offer doesn't have the parameter, the response MUST NOT include it" (section 7.1.2.2).
        if offer.clientMaxWindowBits == .absent && answer.clientMaxWindowBits != .absent { return false }
        if let most = offer.serverMaxWindowBits, answer.serverMaxWindowBits.map({ $0 > most }) ?? true { return false }
        return true
    }
}

/// The parameters of one `permessage-deflate` that is offered or answered with (RFC 7692 section 7.1).
struct CompressionParameters: Hashable, Sendable {
    /// What stands there of `client_max_window_bits`, which an offer may have without a value.
    enum ClientWindow: Hashable, Sendable {
        case absent
        case unspecified
        case bits(Int)
    }

    static let extensionName = "permessage-deflate"
    /// What stands in an offer, the extension first.
    static let names = [
        extensionName, "client_max_window_bits", "server_max_window_bits", "client_no_context_takeover",
        "server_no_context_takeover",
    ]

    var serverNoContextTakeover = false
    var clientNoContextTakeover = false
    var serverMaxWindowBits: Int?
    var clientMaxWindowBits = ClientWindow.absent

    init() {}

    /// - Returns: `nil` for an unknown parameter, one that comes twice, or one with a value that it may not have: such
    ///   an offer is declined, and such an answer fails the handshake (sections 7.1 and 5.1).
    init?(_ offer: ExtensionOffer) {
        guard offer.name == Self.extensionName else { return nil }
        var seen: Set<String> = []
        for parameter in offer.parameters {
            guard seen.insert(parameter.name).inserted, take(parameter) else { return nil }
        }
    }

    private mutating func take(_ parameter: ExtensionOffer.Parameter) -> Bool {
        switch (parameter.name, parameter.value) {
        case ("server_no_context_takeover", nil): serverNoContextTakeover = true
        case ("client_no_context_takeover", nil): clientNoContextTakeover = true
        case ("client_max_window_bits", nil): clientMaxWindowBits = .unspecified
        case ("client_max_window_bits", let value?):
            guard let bits = Self.windowBits(value) else { return false }
            clientMaxWindowBits = .bits(bits)
        case ("server_max_window_bits", let value?):
            guard let bits = Self.windowBits(value) else { return false }
            serverMaxWindowBits = bits
        default: return false
        }
        return true
    }

    /// "A decimal integer value without leading zeroes between 8 to 15, inclusive" (section 7.1.2).
    private static func windowBits(_ text: String) -> Int? {
        (8...15).first { String($0) == text }
    }

    /// What an answer has that no answer may have, in words; `nil` where it is sound by itself.
    ///
    /// Without a value `client_max_window_bits` is an offer's way to say that the client can do it. An answer sets the
    /// window, so there it must have one (section 7.1.2.2), and "an invalid value" fails the connection (section 7.1).
    static func flaw(inAnswer answer: ExtensionOffer) -> String? {
        var seen: Set<String> = []
        for parameter in answer.parameters {
            let text = parameter.name + (parameter.value.map { "=" + $0 } ?? "")
            guard seen.insert(parameter.name).inserted else { return "\(parameter.name) comes twice" }
            if parameter.name == "client_max_window_bits", parameter.value == nil {
                return "client_max_window_bits must have a value in an answer, 8 to 15 (RFC 7692 section 7.1.2.2)"
            }
            var parameters = CompressionParameters()
            guard parameters.take(parameter) else {
                return "\(text) is no parameter of it with a value that it may have"
            }
        }
        return nil
    }

    /// As it stands in the header field.
    var offer: ExtensionOffer {
        var offer = ExtensionOffer(name: Self.extensionName)
        func add(_ name: String, _ value: Int? = nil) {
            offer.parameters.append(.init(name: name, value: value.map { String($0) }))
        }
        if serverNoContextTakeover { add("server_no_context_takeover") }
        if clientNoContextTakeover { add("client_no_context_takeover") }
        if let serverMaxWindowBits { add("server_max_window_bits", serverMaxWindowBits) }
        switch clientMaxWindowBits {
        case .absent: break
        case .unspecified: add("client_max_window_bits")
        case .bits(let bits): add("client_max_window_bits", bits)
        }
        return offer
    }
}

/// One offer of `permessage-deflate`, as a client writes it (RFC 7692 section 7.1).
///
///     options.compression = CompressionOptions(offers: [.bare])   // for servers that refuse every parameter
public struct CompressionOffer: Hashable, Sendable {
    /// What is said of the client's own window (section 7.1.2.2).
    public enum ClientWindow: Hashable, Sendable {
        /// Nothing: the server may not ask for a smaller one.
        case unmentioned
        /// The server may ask for a smaller one.
        case any
        /// The same; and the client will use no larger one in any case, as a power of two: 8 to 15.
        case bits(Int)
    }

    /// Whether the server must forget what came before, with each message.
    public var serverNoContextTakeover: Bool
    /// Whether the client will, as a hint. Whether it does is up to `CompressionOptions.sendContextTakeover` and the
    /// answer.
    public var clientNoContextTakeover: Bool
    /// The window that the server must not exceed, as a power of two: 8 to 15. `nil`: any.
    public var serverMaxWindowBits: Int?
    /// What is said of the client's own window. How large it is is up to `CompressionOptions.sendWindowBits` and the
    /// answer.
    public var clientMaxWindowBits: ClientWindow

    /// An offer by its parts; without any it is `bare`. Windows are checked by `CompressionOptions.objection`, not
    /// here.
    ///
    /// - Parameters:
    ///   - serverNoContextTakeover: whether the server must forget what came before, with each message; default no.
    ///   - clientNoContextTakeover: whether to hint that the client will; default no.
    ///   - serverMaxWindowBits: the window that the server must not exceed, 8 to 15; default `nil`: any.
    ///   - clientMaxWindowBits: what is said of the client's own window; default: nothing.
    public init(
        serverNoContextTakeover: Bool = false, clientNoContextTakeover: Bool = false, serverMaxWindowBits: Int? = nil,
        clientMaxWindowBits: ClientWindow = .unmentioned
    ) {
        self.serverNoContextTakeover = serverNoContextTakeover
        self.clientNoContextTakeover = clientNoContextTakeover
        self.serverMaxWindowBits = serverMaxWindowBits
        self.clientMaxWindowBits = clientMaxWindowBits
    }

    /// `permessage-deflate`, without a parameter.
    public static let bare = CompressionOffer()

    /// The same, as it is encoded.
    var parameters: CompressionParameters {
        var parameters = CompressionParameters()
        parameters.serverNoContextTakeover = serverNoContextTakeover
        parameters.clientNoContextTakeover = clientNoContextTakeover
        parameters.serverMaxWindowBits = serverMaxWindowBits
        switch clientMaxWindowBits {
        case .unmentioned: parameters.clientMaxWindowBits = .absent
        case .any: parameters.clientMaxWindowBits = .unspecified
        case .bits(let bits): parameters.clientMaxWindowBits = .bits(bits)
        }
        return parameters
    }

    /// A window that there is not, in words.
    var objection: String? {
        if let serverMaxWindowBits, !(8...15).contains(serverMaxWindowBits) {
            return "compression offer's serverMaxWindowBits \(serverMaxWindowBits); allowed are 8 to 15"
        }
        if case .bits(let bits) = clientMaxWindowBits, !(8...15).contains(bits) {
            return "compression offer's clientMaxWindowBits \(bits); allowed are 8 to 15"
        }
        return nil
    }
}

/// How messages are compressed, with `permessage-deflate` (RFC 7692). Both ends have options of their own and agree in
/// the opening handshake.
///
/// What it costs: with context takeover a connection keeps, from the first compressed message on, about
/// 2^(`sendWindowBits` + 2) + 2^(`memoryLevel` + 9) bytes and 6 KiB to compress, and 2^`receiveWindowBits` bytes and 7
/// KiB to inflate; by default some 50 KiB together. Without context takeover it keeps nothing between messages.
public struct CompressionOptions: Hashable, Sendable {
    /// How far back what we send may refer, as a power of two: 8 to 15, default 12. The peer may ask for less.
    public var sendWindowBits: Int
    /// How far back what we receive should refer: 8 to 15, default 12. The peer is asked for it; one that has no such
    /// parameter uses 15.
    public var receiveWindowBits: Int
    /// Whether what we send may refer to earlier messages; default yes. It makes small messages that are alike much
    /// smaller, and costs memory for as long as the connection lasts. The peer may forbid it.
    public var sendContextTakeover: Bool
    /// Whether what we receive may refer to earlier messages; default yes.
    public var receiveContextTakeover: Bool
    /// The bytes from which on a message is compressed; default 256. Where a message is sent in fragments, the first of
    /// them decides.
    public var threshold: Int
    /// zlib's level, from 0, none, and 1, fast, to 9, small; default 6.
    public var level: Int
    /// zlib's memory level, 1 to 9, default 5.
    public var memoryLevel: Int
    /// What a client offers, the most wanted first; default `nil`: what the other options come to. A server has no
    /// offers.
    ///
    /// There are servers and gateways that refuse every parameter: `[.bare]` is for them. What is sent still follows
    /// the other options, since a smaller window and a fresh start need nobody's consent; what is received follows the
    /// answer alone.
    public var offers: [CompressionOffer]?

    /// Options by their parts, each with the default that its property names; `objection` tells what cannot be used.
    public init(
        sendWindowBits: Int = 12, receiveWindowBits: Int = 12, sendContextTakeover: Bool = true,
        receiveContextTakeover: Bool = true, threshold: Int = 256, level: Int = 6, memoryLevel: Int = 5,
        offers: [CompressionOffer]? = nil
    ) {
        self.sendWindowBits = sendWindowBits
        self.receiveWindowBits = receiveWindowBits
        self.sendContextTakeover = sendContextTakeover
        self.receiveContextTakeover = receiveContextTakeover
        self.threshold = threshold
        self.level = level
        self.memoryLevel = memoryLevel
        self.offers = offers
    }

    /// With no window below the smallest there is: what goes on the wire must be right, whatever the caller gave.
    var withWindowsInRange: CompressionOptions {
        var options = self
        options.sendWindowBits = max(8, sendWindowBits)
        options.receiveWindowBits = max(8, receiveWindowBits)
        return options
    }

    /// What is wrong with the options, in words, or `nil` when nothing is.
    public var objection: String? {
        let values = [
            ("sendWindowBits", sendWindowBits, 8...15), ("receiveWindowBits", receiveWindowBits, 8...15),
            ("threshold", threshold, 0...Int.max), ("level", level, 0...9), ("memoryLevel", memoryLevel, 1...9),
        ]
        for (name, value, allowed) in values where !allowed.contains(value) {
            return name == "threshold"
                ? "compression.threshold \(value); allowed are 0 and more"
                : "compression.\(name) \(value); allowed are \(allowed.lowerBound) to \(allowed.upperBound)"
        }
        guard let offers else { return nil }
        // Each may be judged in an answer, and all stand in one line of the request.
        guard (1...CompressionOptions.mostOffers).contains(offers.count) else {
            return
                "\(offers.count) compression offers; allowed are 1 to \(CompressionOptions.mostOffers), and nil for the default"
        }
        return offers.lazy.compactMap(\.objection).first
    }

    private static let mostOffers = 16
}
