public import HTTPTypes
public import HansomHTTP

/// The server's half of the opening handshake (RFC 6455 section 4.2).
public enum ServerHandshake {
    /// What a server asks of a request beyond the protocol's own rules.
    public struct Rules: Sendable {
        /// Whether the request came over TLS: it decides the scheme that `.sameOrigin` compares with.
        public var isTLS: Bool
        /// The origin that the client sees, where a trusted proxy says so; `nil` takes it from `isTLS` and `Host`.
        public var externalOrigin: WebOrigin?
        /// Which web pages may open a connection; default `.sameOrigin`. Others are refused with 403.
        public var origin: OriginPolicy
        /// How one of the subprotocols that the client offers is picked; default `.none`.
        public var subprotocols: SubprotocolPolicy
        /// How to compress, where the client offers it; `nil`: not at all.
        public var compression: CompressionOptions?
        /// Further fields for the 101. Those that the handshake sets itself are left out.
        public var fields: HTTPFields

        /// Rules by their parts. By default the request came without TLS, pages of other origins are refused, and
        /// neither a subprotocol nor compression is agreed on.
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
        /// It opens a WebSocket.
        case accept(Acceptance)
        /// It does not: with which status, and why.
        case refuse(Refusal)
    }

    /// Judges a request, and makes the bytes of the answer.
    public static func evaluate(_ head: RequestHead, rules: Rules = .init()) -> Verdict {
        evaluate(head, rules: rules, isTLS: rules.isTLS, externalOrigin: rules.externalOrigin)
    }

    /// The same by rules that are many requests', and what is this request's own.
    package static func evaluate(
        _ head: RequestHead, rules: borrowing Rules, isTLS: Bool, externalOrigin: WebOrigin?
    ) -> Verdict {
        do {
            return .accept(try accept(head, rules, isTLS, externalOrigin))
        } catch {
            return .refuse(error)
        }
    }

    private static func accept(
        _ head: RequestHead, _ rules: borrowing Rules, _ isTLS: Bool, _ externalOrigin: WebOrigin?
    ) throws(Refusal) -> Acceptance {
        try checkRequest(head)
        try checkUpgrade(head.lines)
        let key = try checkedKey(head.lines)
        if let objection = rules.origin.objection(to: head, isTLS: isTLS, external: externalOrigin) {
            throw Refusal(status: 403, reason: "\(objection) (RFC 6455 section 10.2)")
        }
        let offers = try offeredExtensions(head.lines)
        let subprotocol = try chooseSubprotocol(head, rules.subprotocols)
        return Acceptance(
            acceptKey: HandshakeKey.accept(key), subprotocol: subprotocol, offers: offers,
            compression: rules.compression.flatMap { .accepting(offers, $0.withWindowsInRange) }, fields: rules.fields)
    }

    /// What any HTTP/1.1 request must have, and what an upgrade must not: content, which would be taken for frames.
    private static func checkRequest(_ head: RequestHead) throws(Refusal) {
        do {
            try head.lines.checkFraming()
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
        guard !head.lines.contains(.transferEncoding), Int(head.lines.text(of: .contentLength) ?? "0") == 0 else {
            throw Refusal(status: 400, reason: "upgrade request with content; it has none (RFC 6455 section 4.1)")
        }
    }

    private static func checkUpgrade(_ fields: FieldLines) throws(Refusal) {
        guard fields.lists("websocket", in: .upgrade) else {
            throw Refusal(
                status: 426,
                reason: "Upgrade does not list websocket; only WebSocket is spoken here (RFC 6455 section 4.2.1)",
                fields: [.upgrade: "websocket"])
        }
        guard fields.lists("upgrade", in: .connection) else {
            throw Refusal(status: 400, reason: "Connection does not list Upgrade (RFC 6455 section 4.2.1)")
        }
        guard fields.value(of: .secWebSocketVersion)?.elementsEqual("13".utf8) == true else {
            throw Refusal(
                status: 426, reason: "Sec-WebSocket-Version is not 13 (RFC 6455 section 4.4)",
                fields: [.upgrade: "websocket", .secWebSocketVersion: "13"])
        }
    }

    private static func checkedKey(_ fields: FieldLines) throws(Refusal) -> ArraySlice<UInt8> {
        guard let key = fields.value(of: .secWebSocketKey), HandshakeKey.isValid(key) else {
            throw Refusal(
                status: 400, reason: "Sec-WebSocket-Key is not the base64 of 16 bytes (RFC 6455 section 4.2.1)")
        }
        return key
    }

    /// The origin that a client sees, by the host that its request is for; `nil` without one.
    package static func requestOrigin(_ head: RequestHead, isTLS: Bool) -> WebOrigin? {
        head.effectiveHost.flatMap { WebOrigin("\(isTLS ? "https" : "http")://\($0)") }
    }

    private static func offeredExtensions(_ fields: FieldLines) throws(Refusal) -> [ExtensionOffer] {
        var parser = FieldListParser(fields.bytes(of: .secWebSocketExtensions))
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
        var parser = FieldListParser(head.lines.bytes(of: .secWebSocketProtocol))
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

/// A granted upgrade (RFC 6455 section 4.2.2).
public struct Acceptance: Hashable, Sendable {
    /// The value of `Sec-WebSocket-Accept`.
    public let acceptKey: String
    /// The subprotocol picked, if any.
    public let subprotocol: String?
    /// The extensions that the client offered, in its order of preference.
    public let offers: [ExtensionOffer]
    /// What was agreed on about compression; `nil`: there is none.
    public let compression: CompressionAgreement?
    /// Fields that the program adds to the 101.
    private let extra: HTTPFields

    init(
        acceptKey: String, subprotocol: String?, offers: [ExtensionOffer], compression: CompressionAgreement?,
        fields extra: HTTPFields
    ) {
        self.acceptKey = acceptKey
        self.subprotocol = subprotocol
        self.offers = offers
        self.compression = compression
        self.extra = extra.isEmpty ? extra : HTTPFields(extra.filter { !Self.ownNames.contains($0.name) })
    }

    /// All fields of the 101.
    public var fields: HTTPFields {
        var fields: HTTPFields = [.upgrade: "websocket", .connection: "Upgrade", .secWebSocketAccept: acceptKey]
        fields[.secWebSocketProtocol] = subprotocol
        fields[.secWebSocketExtensions] = compression?.answer.description
        fields.append(contentsOf: extra)
        return fields
    }

    /// The extensions agreed on, as the answer has them.
    public var extensions: [ExtensionOffer] { compression.map { [$0.answer] } ?? [] }

    /// The bytes of the 101. Frames may follow at once.
    public var responseBytes: [UInt8] {
        if !extra.isEmpty {
            return ResponseHead(status: 101, reasonPhrase: "Switching Protocols", fields: fields).bytes
        }
        // What nearly all have, without a field made of each line. All of it is made of tokens.
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        bytes += "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n".utf8
        bytes += "Sec-WebSocket-Accept: ".utf8
        bytes += acceptKey.utf8
        bytes += "\r\n".utf8
        if let subprotocol {
            bytes += "Sec-WebSocket-Protocol: ".utf8
            bytes += subprotocol.utf8
            bytes += "\r\n".utf8
        }
        if let compression {
            bytes += "Sec-WebSocket-Extensions: ".utf8
            bytes += compression.answer.description.utf8
            bytes += "\r\n".utf8
        }
        bytes += "\r\n".utf8
        return bytes
    }

    /// What the handshake sets itself, and what a 101 must not have (RFC 9110 section 8.6).
    private static let ownNames: Set<HTTPField.Name> = [
        .upgrade, .connection, .secWebSocketAccept, .secWebSocketProtocol, .secWebSocketExtensions, .contentLength,
        .transferEncoding,
    ]
}

/// A refused request: a whole HTTP answer, after which the connection is closed (RFC 9110 section 15).
public struct Refusal: Error, Hashable, Sendable {
    /// The status of the answer: 4xx when the request is at fault, 5xx when the server cannot do it.
    public let status: Int
    /// Why, in words. It is the body, too.
    public let reason: String
    /// All fields of the answer.
    public let fields: HTTPFields

    /// - Parameter fields: further fields, such as `WWW-Authenticate`. `Content-Length` and `Connection` are set here.
    public init(status: Int, reason: String, fields: HTTPFields = [:]) {
        self.status = status
        self.reason = reason
        var all = fields
        all[.contentType] = fields[.contentType] ?? "text/plain; charset=utf-8"
        all[.contentLength] = String(reason.utf8.count)
        // "A sender of Upgrade MUST also send an 'Upgrade' connection option" (RFC 9110 section 7.8).
        all[.connection] = fields[.upgrade] == nil ? "close" : "close, Upgrade"
        all[.transferEncoding] = nil
        self.fields = all
    }

    /// The answer to a head that could not be read.
    public init(_ error: HeadError) {
        self.init(status: error.status, reason: error.message)
    }

    /// The bytes of the whole answer.
    public var bytes: [UInt8] {
        ResponseHead(status: status, fields: fields).bytes + reason.utf8
    }
}

/// What is wrong with a server's answer to the handshake (RFC 6455 section 4.1).
public enum HandshakeFailure: Error, Hashable, Sendable {
    /// Not a 101. The head tells more; content may follow.
    case status(ResponseHead)
    /// `Upgrade` does not list `websocket`.
    case upgrade(String?)
    /// `Connection` does not list `Upgrade`.
    case connection(String?)
    /// `Sec-WebSocket-Accept` is not the answer to our key.
    case accept(String?)
    /// A subprotocol that was not offered, or several.
    case subprotocol(String)
    /// An extension that was not offered or not so, or what is no list of extensions.
    case extensions(String)
}

extension HandshakeFailure: CustomStringConvertible {
    public var description: String {
        switch self {
        case .status(let head):
            "status \(head.status) \(head.reasonPhrase.quotedASCII); wanted 101 (RFC 6455 section 4.1)"
        case .upgrade(let value):
            "Upgrade \(Self.shown(value)); wanted websocket (RFC 6455 section 4.1)"
        case .connection(let value):
            "Connection \(Self.shown(value)); wanted Upgrade among it (RFC 6455 section 4.1)"
        case .accept(let value):
            "Sec-WebSocket-Accept \(Self.shown(value)) does not answer the key (RFC 6455 section 4.1)"
        case .subprotocol(let value):
            "Sec-WebSocket-Protocol \(value.quotedASCII) was not offered (RFC 6455 section 4.1)"
        case .extensions(let value):
            "Sec-WebSocket-Extensions \(value.quotedASCII): \(Self.flaw(inExtensions: value))"
        }
    }

    /// What is wrong with a list of extensions that was refused.
    private static func flaw(inExtensions text: String) -> String {
        var parser = FieldListParser(text.utf8.makeIterator())
        guard let extensions = parser.extensions() else {
            return "it is no list of extensions that were offered (RFC 6455 section 4.1)"
        }
        guard extensions.count == 1, let answer = extensions.first, answer.name == CompressionParameters.extensionName
        else { return "it was not offered (RFC 6455 section 4.1)" }
        if let flaw = CompressionParameters.flaw(inAnswer: answer) { return flaw }
        return "it was not offered, or not with these parameters (RFC 7692 section 7.1)"
    }

    private static func shown(_ value: String?) -> String { value?.quotedASCII ?? "missing" }
}

extension OutgoingResponse {
    package init(_ refusal: Refusal) {
        self.init(status: refusal.status, fields: refusal.fields, body: Array(refusal.reason.utf8))
    }
}
