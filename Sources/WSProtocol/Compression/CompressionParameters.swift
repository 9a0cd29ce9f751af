/// The parameters of one `permessage-deflate` that is offered or answered with (RFC 7692 section 7.1).
struct CompressionParameters: Hashable, Sendable {
    /// What stands there of `client_max_window_bits`, which an offer may have without a value.
    enum ClientWindow: Hashable, Sendable {
        case absent
        case unspecified
        case bits(Int)
    }

    static let extensionName = "permessage-deflate"

    var serverNoContextTakeover = false
    var clientNoContextTakeover = false
    var serverMaxWindowBits: Int?
    var clientMaxWindowBits = ClientWindow.absent

    init() {}

    /// - Returns: `nil` for an unknown parameter, one that comes twice, or one with a value that it may not have: such an offer
    ///   is declined, and such an answer fails the handshake (sections 7.1 and 5.1).
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
    /// Without a value `client_max_window_bits` is an offer's way to say that the client can do it. An answer sets the window,
    /// so there it must have one (section 7.1.2.2), and "an invalid value" fails the connection (section 7.1).
    static func flaw(inAnswer answer: ExtensionOffer) -> String? {
        var seen: Set<String> = []
        for parameter in answer.parameters {
            let text = parameter.name + (parameter.value.map { "=" + $0 } ?? "")
            guard seen.insert(parameter.name).inserted else { return "\(parameter.name) comes twice" }
            if parameter.name == "client_max_window_bits", parameter.value == nil {
                return "client_max_window_bits must have a value in an answer, 8 to 15 (RFC 7692 section 7.1.2.2)"
            }
            var parameters = CompressionParameters()
            guard parameters.take(parameter) else { return "\(text) is no parameter of it with a value that it may have" }
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
