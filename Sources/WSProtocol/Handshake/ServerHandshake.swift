public import HTTPTypes

/// The server's half of the opening handshake (RFC 6455 section 4.2).
public enum ServerHandshake {
    /// What a server asks of a request beyond the protocol's own rules.
    public struct Rules: Sendable {
        /// Whether the request came over TLS: it decides the scheme that `.sameOrigin` compares with.
        public var isTLS: Bool
        /// The origin that the client sees, where a trusted proxy says so; `nil` takes it from `isTLS` and `Host`.
        public var externalOrigin: WebOrigin?
        public var origin: OriginPolicy
        public var subprotocols: SubprotocolPolicy
        /// How to compress, where the client offers it; `nil`: not at all.
        public var compression: CompressionOptions?
        /// Further fields for the 101. Those that the handshake sets itself are left out.
        public var fields: HTTPFields

        public init(
            isTLS: Bool = false, externalOrigin: WebOrigin? = nil, origin: OriginPolicy = .sameOrigin,
            subprotocols: SubprotocolPolicy = .none, compression: CompressionOptions? = nil,
            fields: HTTPFields = [:]
        ) {
            self.isTLS = isTLS
            self.externalOrigin = externalOrigin
            self.origin = origin
            self.subprotocols = subprotocols
            self.compression = compression
            self.fields = fields
        }
    }

    /// What becomes of a request.
    public enum Verdict: Sendable {
        case accept(Acceptance)
        case refuse(Refusal)
    }

    /// Judges a request, and makes the bytes of the answer.
    public static func evaluate(_ head: RequestHead, rules: Rules = .init()) -> Verdict {
        do {
            return .accept(try accept(head, rules))
        } catch {
            return .refuse(error)
        }
    }

    private static func accept(_ head: RequestHead, _ rules: Rules) throws(Refusal) -> Acceptance {
        try checkRequest(head)
        try checkUpgrade(head.fields)
        let key = try checkedKey(head.fields)
        let expected = rules.externalOrigin ?? requestOrigin(head, isTLS: rules.isTLS)
        if let objection = rules.origin.objection(to: head, expected: expected) {
            throw Refusal(status: 403, reason: "\(objection) (RFC 6455 section 10.2)")
        }
        let offers = try offeredExtensions(head.fields)
        let subprotocol = try chooseSubprotocol(head, rules.subprotocols)
        return Acceptance(
            acceptKey: HandshakeKey.accept(key), subprotocol: subprotocol, offers: offers,
            compression: rules.compression.flatMap { .accepting(offers, $0.withWindowsInRange) }, fields: rules.fields)
    }

    /// What any HTTP/1.1 request must have, and what an upgrade must not: content, which would be taken for frames.
    private static func checkRequest(_ head: RequestHead) throws(Refusal) {
        do {
            try head.fields.checkFraming()
            try head.checkHost()
            try head.checkTarget()
        } catch {
            throw Refusal(error)
        }
        guard !head.isHTTP10 else {
            throw Refusal(status: 505, reason: "HTTP/1.0; a WebSocket begins with HTTP/1.1 (RFC 6455 section 4.1)")
        }
        guard head.method == .get else {
            throw Refusal(
                status: 405,
                reason: "method \(head.method.rawValue); a WebSocket begins with GET (RFC 6455 section 4.1)",
                fields: [.allow: "GET"])
        }
        guard head.fields[.transferEncoding] == nil, Int(head.fields[.contentLength] ?? "0") == 0 else {
            throw Refusal(status: 400, reason: "upgrade request with content; it has none (RFC 6455 section 4.1)")
        }
    }

    private static func checkUpgrade(_ fields: HTTPFields) throws(Refusal) {
        guard fields.lists("websocket", in: .upgrade) else {
            throw Refusal(
                status: 426,
                reason: "Upgrade does not list websocket; only WebSocket is spoken here (RFC 6455 section 4.2.1)",
                fields: [.upgrade: "websocket"])
        }
        guard fields.lists("upgrade", in: .connection) else {
            throw Refusal(status: 400, reason: "Connection does not list Upgrade (RFC 6455 section 4.2.1)")
        }
        guard fields[.secWebSocketVersion] == "13" else {
            throw Refusal(
                status: 426, reason: "Sec-WebSocket-Version is not 13 (RFC 6455 section 4.4)",
                fields: [.upgrade: "websocket", .secWebSocketVersion: "13"])
        }
    }

    private static func checkedKey(_ fields: HTTPFields) throws(Refusal) -> String {
        guard let key = fields[.secWebSocketKey], HandshakeKey.isValid(key) else {
            throw Refusal(
                status: 400, reason: "Sec-WebSocket-Key is not the base64 of 16 bytes (RFC 6455 section 4.2.1)")
        }
        return key
    }

    /// The origin that a client sees, by the host that its request is for; `nil` without one.
    package static func requestOrigin(_ head: RequestHead, isTLS: Bool) -> WebOrigin? {
        head.effectiveHost.flatMap { WebOrigin("\(isTLS ? "https" : "http")://\($0)") }
    }

    private static func offeredExtensions(_ fields: HTTPFields) throws(Refusal) -> [ExtensionOffer] {
        var parser = FieldListParser((fields[.secWebSocketExtensions] ?? "").utf8.makeIterator())
        guard let offers = parser.extensions() else {
            throw Refusal(
                status: 400, reason: "Sec-WebSocket-Extensions is not a list of extensions (RFC 6455 section 9.1)")
        }
        return offers
    }
}

// MARK: - Subprotocols

extension ServerHandshake {
    private static func chooseSubprotocol(_ head: RequestHead, _ policy: SubprotocolPolicy) throws(Refusal) -> String? {
        var parser = FieldListParser((head.fields[.secWebSocketProtocol] ?? "").utf8.makeIterator())
        guard let offers = parser.tokens() else {
            throw Refusal(status: 400, reason: "Sec-WebSocket-Protocol is not a list of tokens (RFC 6455 section 4.1)")
        }
        switch policy {
        case .none:
            return nil
        case .preferring(let preferred, let isRequired):
            let offered = Set(offers)
            let choice = preferred.first(where: offered.contains)
            guard choice != nil || !isRequired else {
                throw Refusal(
                    status: 400,
                    reason:
                        "no subprotocol that is spoken here: \(preferred.joined(separator: ", ")) (RFC 6455 section 4.2.2)"
                )
            }
            return choice
        case .choosing(let choose):
            let choice = choose(offers, head)
            guard let choice, !offers.contains(choice) else { return choice }
            // The client would have to fail the connection (RFC 6455 section 4.1).
            throw Refusal(
                status: 500, reason: "the server chose a subprotocol that was not offered (RFC 6455 section 4.2.2)")
        }
    }
}
