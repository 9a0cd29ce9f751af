public import HTTPTypes

/// A response without its content (RFC 9112 section 4).
public struct ResponseHead: Hashable, Sendable {
    /// What became of the request, in three digits (RFC 9110 section 15): 101 for a WebSocket.
    public var status: Int
    /// The text behind the status; may be empty, and decides nothing (RFC 9112 section 4).
    public var reasonPhrase: String
    /// The header fields in their order, folded lines unfolded; without those that a forgiving parser passed over.
    public var fields: HTTPFields
    /// What was wrong with the head, where a parser was told to forgive that (`ResponseHeadParser`); else `nil`.
    public internal(set) var fault: HeadError?
    /// Whether it was given up at its limit, so that nobody knows where its content begins.
    package internal(set) var isCut = false

    /// - Parameter reasonPhrase: `nil` for the one that is registered for the status, if any.
    public init(status: Int, reasonPhrase: String? = nil, fields: HTTPFields) {
        self.status = status
        self.reasonPhrase = reasonPhrase ?? ResponseHead.registeredPhrase(of: status)
        self.fields = fields
    }
}

/// Reads response heads, in pieces of any size, by the strict grammar of HTTP/1.1 (RFC 9112 sections 2 to 5). Folded
/// lines are unfolded, as a user agent must (section 5.2).
public struct ResponseHeadParser: Sendable {
    private var reader: HeadReader
    private let acceptsHTTP10: Bool
    private let isForgiving: Bool
    private var status = 0
    private var reasonPhrase = ""

    /// - Parameters:
    ///   - acceptsHTTP10: many proxies answer CONNECT with HTTP/1.0; nothing else may.
    ///   - isForgiving: whether of an answer that grants nothing, one that is no 101, is taken what is sure: a line
    ///     that is malformed, too long or one too many is passed over, a head that is too long ends at the limit, and `fault` of the
    ///     head says what was wrong first. Otherwise such a head is refused, and its status is lost with it.
    public init(limits: HeadLimits = .init(), acceptsHTTP10: Bool = false, isForgiving: Bool = false) {
        reader = HeadReader(
            limits: limits, longStartLineStatus: 431, mayBeginWithEmptyLine: false,
            manner: .response(isForgiving: isForgiving))
        self.acceptsHTTP10 = acceptsHTTP10
        self.isForgiving = isForgiving
    }

    /// Takes the next bytes. Those behind the head are left alone: they belong to what follows.
    ///
    /// - Returns: how many bytes were taken, all of them unless the head is complete; and the head once it is. The
    ///   parser is then ready for the next one.
    /// - Throws: `HeadError`; the parser is of no further use.
    public mutating func parse(_ bytes: UnsafeRawBufferPointer) throws(HeadError) -> (
        consumed: Int, head: ResponseHead?
    ) {
        if reader.isAtStart, let first = unsafe bytes.first, first != UInt8(ascii: "H") {
            let hint = first == 0x15 ? ", which begins a TLS alert; the port speaks TLS" : ""
            throw .badRequest("\(first.shown) where HTTP/1.1 begins\(hint) (RFC 9112 section 4)")
        }
        var (status, reasonPhrase) = (status, reasonPhrase)
        let (acceptsHTTP10, isForgiving) = (acceptsHTTP10, isForgiving)
        let (consumed, isComplete) = unsafe try reader.read(bytes) { line throws(HeadError) in
            (status, reasonPhrase) = try Self.statusLine(line, acceptsHTTP10: acceptsHTTP10, isForgiving: isForgiving)
        }
        (self.status, self.reasonPhrase) = (status, reasonPhrase)
        // It decides what the bytes behind it are: frames.
        if status == 101, let fault = reader.fault { throw fault }
        guard isComplete else { return (consumed, nil) }
        var head = headSoFar
        if status == 101 || !isForgiving {
            try FieldLines(head.fields).checkFraming()
        } else if let fault = head.fields.settleFraming() {
            head.fault = head.fault ?? fault
        }
        self = ResponseHeadParser(limits: reader.limits, acceptsHTTP10: acceptsHTTP10, isForgiving: isForgiving)
        return (consumed, head)
    }

    /// What is known of a head that is not complete; `nil` before the end of its status line, and of a 101, which means
    /// nothing unless it is whole.
    package var begun: ResponseHead? {
        guard isForgiving, status != 0, status != 101 else { return nil }
        var last = self
        // A parser that forgives does not throw here.
        try? last.reader.breakOff()
        var head = last.headSoFar
        head.isCut = true
        head.fault = head.fault ?? .badRequest("head that ends before its empty line (RFC 9112 section 2.1)")
        return head
    }

    private var headSoFar: ResponseHead {
        var head = ResponseHead(status: status, reasonPhrase: reasonPhrase, fields: reader.lines.fields)
        (head.fault, head.isCut) = (reader.fault, reader.isCut)
        return head
    }

    /// Takes the next bytes; see the other form.
    public mutating func parse(_ bytes: [UInt8]) throws(HeadError) -> (consumed: Int, head: ResponseHead?) {
        try unsafe bytes.withUnsafeBufferPointer { memory throws(HeadError) in
            try unsafe parse(UnsafeRawBufferPointer(memory))
        }
    }

    /// `HTTP/1.1 SP status SP reason` (RFC 9112 section 4). The last space is left out by some servers when there is no
    /// reason; that deceives nobody.
    private static func statusLine(
        _ line: Span<UInt8>, acceptsHTTP10: Bool, isForgiving: Bool
    ) throws(HeadError) -> (Int, String) {
        // Safety: the memory is read during the call.
        let parts = unsafe line.withUnsafeBufferPointer { unsafe Array($0) }.split(
            separator: UInt8(ascii: " "), maxSplits: 2, omittingEmptySubsequences: false)
        let version = parts[0]
        guard try HTTPVersion.isOneDotOne(version.span) || acceptsHTTP10 && version.elementsEqual("HTTP/1.0".utf8)
        else {
            throw HTTPVersion.unsupported(version.span)
        }
        guard parts.count > 1, parts[1].count == 3, parts[1].allSatisfy(\.isDigit) else {
            throw .badRequest("status line without a status of three digits (RFC 9112 section 4)")
        }
        let reason = parts.count == 3 ? parts[2] : []
        let status = parts[1].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        if let bad = reason.first(where: { !$0.isFieldContent }) {
            // "A client SHOULD ignore the reason-phrase content" (RFC 9112 section 4).
            if isForgiving, status != 101 { return (status, "") }
            throw .badRequest("\(bad.shown) in the reason phrase (RFC 9112 section 4)")
        }
        return (status, String(decoding: reason, as: UTF8.self))
    }
}

extension ResponseHead {
    /// What RFC 9110 and others call a status; empty for one that has no name. The library has the phrases, but does
    /// not find one by its number.
    fileprivate static func registeredPhrase(of status: Int) -> String { registeredPhrases[status] ?? "" }

    private static let registeredPhrases: [Int: String] = {
        let statuses: [HTTPResponse.Status] = [
            .continue, .switchingProtocols, .earlyHints,
            .ok, .created, .accepted, .nonAuthoritativeInformation, .noContent, .resetContent, .partialContent,
            .multipleChoices, .movedPermanently, .found, .seeOther, .notModified, .temporaryRedirect,
            .permanentRedirect,
            .badRequest, .unauthorized, .forbidden, .notFound, .methodNotAllowed, .notAcceptable,
            .proxyAuthenticationRequired,
            .requestTimeout, .conflict, .gone, .lengthRequired, .preconditionFailed, .contentTooLarge, .uriTooLong,
            .unsupportedMediaType, .rangeNotSatisfiable, .expectationFailed, .misdirectedRequest, .unprocessableContent,
            .tooEarly, .upgradeRequired, .preconditionRequired, .tooManyRequests, .requestHeaderFieldsTooLarge,
            .unavailableForLegalReasons,
            .internalServerError, .notImplemented, .badGateway, .serviceUnavailable, .gatewayTimeout,
            .httpVersionNotSupported,
            .networkAuthenticationRequired,
        ]
        return Dictionary(uniqueKeysWithValues: statuses.map { ($0.code, $0.reasonPhrase) })
    }()

    /// The head on the wire (RFC 9112 section 4).
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        bytes.append(status: status, reasonPhrase)
        for field in fields { bytes.append(field) }
        bytes += "\r\n".utf8
        return bytes
    }
}

extension RequestHead {
    /// The head on the wire (RFC 9112 section 3).
    package var bytes: [UInt8] {
        var bytes = Array("\(method.rawValue) \(target) HTTP/1.\(isHTTP10 ? 0 : 1)\r\n".utf8)
        for field in fields { bytes.append(field) }
        return bytes + "\r\n".utf8
    }
}

extension [UInt8] {
    /// `HTTP/1.1 SP status SP reason` (RFC 9112 section 4).
    fileprivate mutating func append(status: Int, _ reasonPhrase: String) {
        self += "HTTP/1.1 ".utf8
        append(number: status)
        append(UInt8(ascii: " "))
        self += reasonPhrase.utf8
        self += "\r\n".utf8
    }

    /// One field line (RFC 9112 section 5). The value keeps the bytes it came with, but for those that would end a line
    /// or a string: whatever a program was talked into, it writes one field.
    fileprivate mutating func append(_ field: HTTPField) {
        self += field.name.rawName.utf8
        self += ": ".utf8
        let start = count
        // Safety: the memory is read during the call.
        unsafe field.withUnsafeBytesOfValue { unsafe append(contentsOf: $0) }
        for index in start..<count where !self[index].isFieldContent { self[index] = UInt8(ascii: " ") }
        self += "\r\n".utf8
    }

    fileprivate mutating func append(number: Int) {
        if number < 10 && number >= 0 { return append(UInt8(ascii: "0") + UInt8(number)) }
        self += String(number).utf8
    }
}

/// A whole HTTP/1.1 response (RFC 9112 sections 2.1 and 6.3): the fields that frame it are set here and nowhere else.
package struct OutgoingResponse: Sendable {
    package var status: Int
    package var fields: HTTPFields
    package var body: [UInt8]
    /// How long the content is, where it is sent piece by piece behind these bytes; `nil`: `body` is all of it.
    package var length: Int?

    /// What the encoder says itself.
    private static let ownNames: Set<HTTPField.Name> = [.contentLength, .transferEncoding, .connection]

    package init(status: Int, fields: HTTPFields, body: [UInt8], length: Int? = nil) {
        self.status = status
        self.fields = fields
        self.body = body
        self.length = length
    }

    /// The bytes on the wire.
    ///
    /// - Parameters:
    ///   - isToHead: whether HEAD was asked: the length is told, the body left out (RFC 9110 section 9.3.2).
    ///   - keepsAlive: whether another request may follow.
    package func bytes(isToHead: Bool, keepsAlive: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256 + (isToHead ? 0 : body.count))
        bytes.append(status: status, ResponseHead.registeredPhrase(of: status))
        var offersUpgrade = false
        for field in fields where !Self.ownNames.contains(field.name) {
            offersUpgrade = offersUpgrade || field.name == .upgrade
            bytes.append(field)
        }
        if hasContent {
            bytes += "Content-Length: ".utf8
            bytes.append(number: length ?? body.count)
            bytes += "\r\n".utf8
        }
        switch (keepsAlive, offersUpgrade) {
        case (true, true): bytes += "Connection: Upgrade\r\n".utf8
        case (false, true): bytes += "Connection: close, Upgrade\r\n".utf8
        case (false, false): bytes += "Connection: close\r\n".utf8
        case (true, false): break
        }
        bytes += "\r\n".utf8
        if hasContent, !isToHead { bytes += body }
        return bytes
    }

    /// Neither 204 nor 304 has any (RFC 9110 sections 15.3.5 and 15.4.5).
    package var hasContent: Bool { status != 204 && status != 304 }
}
