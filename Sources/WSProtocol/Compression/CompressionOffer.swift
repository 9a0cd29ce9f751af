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
    /// Whether the client will, as a hint. Whether it does is up to `CompressionOptions.sendContextTakeover` and the answer.
    public var clientNoContextTakeover: Bool
    /// The window that the server must not exceed, as a power of two: 8 to 15. `nil`: any.
    public var serverMaxWindowBits: Int?
    /// What is said of the client's own window. How large it is is up to `CompressionOptions.sendWindowBits` and the answer.
    public var clientMaxWindowBits: ClientWindow

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
