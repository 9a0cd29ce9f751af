internal import Actors
internal import HTTPTypes
internal import HansomHTTP
internal import HansomTransport
internal import WSConnection
internal import WSProtocol

/// The opening handshake (RFC 6455 section 4.1).
extension Dialer {
    /// Interim answers before the one that counts.
    private static let mostInterimAnswers = 16

    /// An answer's head: parsed, as it came, and what came behind it.
    private struct IncomingResponse {
        let head: ResponseHead
        let bytes: [UInt8]
        let rest: [UInt8]
    }

    /// The request of a hop, with a key of its own, checked before anything is sent.
    static func handshake(for hop: Hop, _ options: ConnectOptions) throws(WebSocketError) -> ClientHandshake {
        let fields = joinCookies(of: hop.headers, with: options.cookies?.field(for: hop.url))
        do {
            return try ClientHandshake(
                target: hop.url.target, host: hop.hostHeader ?? hop.url.hostHeader, fields: fields,
                subprotocols: options.subprotocols,
                compression: options.compression, key: Random.bytes(16))
        } catch {
            throw WebSocketError(.invalidConfiguration, "\(error)")
        }
    }

    /// One field for all cookies (RFC 6265 section 5.4): the type library makes one of each, as later versions of HTTP
    /// want it.
    private static func joinCookies(of headers: HTTPFields, with more: String?) -> HTTPFields {
        let values = headers[values: .cookie] + (more.map { [$0] } ?? [])
        guard !values.isEmpty else { return headers }
        var joined = headers.filter { $0.name != .cookie }
        joined.append(HTTPField(name: .cookie, value: values.joined(separator: "; ")))
        return joined
    }

    /// Asks for the upgrade, and makes a connection of the answer, or the next hop.
    func shakeHands(_ driver: StreamDriver, _ tls: TLSDetails?) async throws(WebSocketError) -> Outcome {
        enter(.handshake, with: hop.place, within: options.timeouts.handshake)
        options.onHandshake?(.request(handshake.requestBytes, to: socket?.peerAddress, tls))
        try await sendRequest(driver)
        let answer = try await readAnswer(driver)
        options.onHandshake?(.answer(answer.bytes))
        options.cookies?.take(answer.head.fields, from: hop.url)
        do {
            return .connected(connection(try handshake.verify(answer.head), answer, tls, driver))
        } catch {
            guard case .status = error else { throw fault(.badHandshake, "\(hop.place): \(error)") }
        }
        if followsRedirects, let location = Hop.location(of: answer.head) {
            return .redirected(try follow(location, answer.head))
        }
        throw try await refusal(answer, driver)
    }

    private func sendRequest(_ driver: StreamDriver) async throws(WebSocketError) {
        watchProgress(of: driver, .writeIdle, options.writeIdleTimeout) { "took nothing of the request for \($0)" }
        try await driver.ask(handshake.requestBytes)
        deadlines.disarm(.writeIdle)
    }

    private func readAnswer(_ driver: StreamDriver) async throws(WebSocketError) -> IncomingResponse {
        deadlines.arm(.responseHead, after: options.timeouts.responseHead) { [unowned self] in
            abort(fault(.timeout, "\(counterpart) did not answer the request within \($0)"))
        }
        watchProgress(of: driver, .readIdle, options.readIdleTimeout) { "sent nothing of its answer for \($0)" }
        let answer = try await readHead(driver)
        driver.onProgress = nil
        deadlines.disarm(.readIdle)
        deadlines.disarm(.responseHead)
        return answer
    }

    /// Arms a deadline that every byte puts off.
    private func watchProgress(
        of driver: StreamDriver, _ kind: DialDeadlines.Kind, _ timeout: Duration?,
        _ what: @escaping (Duration) -> String
    ) {
        guard timeout != nil else { return driver.onProgress = nil }
        let rearm = { [unowned self] in
            deadlines.arm(kind, after: timeout) { [unowned self] in
                abort(fault(.timeout, "\(counterpart) \(what($0))"))
            }
        }
        driver.onProgress = rearm
        rearm()
    }

    private func connection(
        _ negotiated: Negotiated, _ answer: IncomingResponse, _ tls: TLSDetails?, _ driver: StreamDriver
    ) -> WebSocket {
        keepGiven()
        let description = ConnectionDescription(
            peerAddress: socket?.peerAddress, localAddress: socket?.localAddress, subprotocol: negotiated.subprotocol,
            extensions: negotiated.extensions.map(\.description), tls: tls, head: answer.bytes)
        let connection = WebSocket(
            stream: driver.release(), scheduler: scheduler,
            role: .client(maskKeys: TransportResources.of(scheduler).maskKeys),
            options: ConnectionOptions(
                limits: options.limits, recvTimeout: options.recvTimeout, closeTimeout: options.closeTimeout,
                active: options.active, timing: options.timing, receivesInPieces: options.receivesInPieces),
            compression: negotiated.compression, description: description)
        connection.onOwnThread { $0.begin(leftover: answer.rest) }
        return connection
    }

    // MARK: The answer's head

    /// Reads the head of the answer, and passes over interim ones (RFC 9110 section 15.2).
    private func readHead(_ driver: StreamDriver) async throws(WebSocketError) -> IncomingResponse {
        var rest: [UInt8] = []
        for _ in 0..<Dialer.mostInterimAnswers {
            let answer = try await readHead(driver, after: rest)
            guard (100...199).contains(answer.head.status), answer.head.status != 101 else { return answer }
            rest = answer.rest
        }
        throw fault(
            .badHandshake, "\(hop.place) sent \(Dialer.mostInterimAnswers) interim answers (RFC 9110 section 15.2)")
    }

    private func readHead(_ driver: StreamDriver, after held: [UInt8]) async throws(WebSocketError) -> IncomingResponse
    {
        // A refusal may come in HTTP/1.0, and with a head that is not as it should be; a 101 may not.
        var parser = ResponseHeadParser(limits: options.headLimits, acceptsHTTP10: true, isForgiving: true)
        var head: [UInt8] = []
        var held = held
        while true {
            let bytes = held.isEmpty ? try await nextBytes(of: parser, driver) : held
            held = []
            if bytes.isEmpty {
                if let begun = parser.begun { return IncomingResponse(head: begun, bytes: head, rest: []) }
                throw fault(.badHandshake, "\(hop.place) ended the connection before its answer")
            }
            do throws(HeadError) {
                let (consumed, response) = try parser.parse(bytes)
                head += bytes[..<consumed]
                guard let response else { continue }
                if response.status == 101, head.starts(with: "HTTP/1.0".utf8) {
                    throw HeadError(status: 505, message: "a 101 of HTTP/1.0 (RFC 6455 section 4.1)")
                }
                return IncomingResponse(head: response, bytes: head, rest: Array(bytes[consumed...]))
            } catch {
                throw fault(.badHandshake, "\(hop.place) does not answer in HTTP/1.1: \(error.message)")
            }
        }
    }

    /// More of a head; nothing at the end of the stream, and when it breaks behind the beginning of an answer.
    private func nextBytes(
        of parser: ResponseHeadParser, _ driver: StreamDriver
    ) async throws(WebSocketError) -> [UInt8] {
        do {
            return try await driver.read()
        } catch {
            if parser.begun != nil, error.code == .connectionLost { return [] }
            throw error
        }
    }

    // MARK: Refusals and redirects

    /// Reads the body of a refusal, as far as it is kept, and makes the error of it.
    private func refusal(_ answer: IncomingResponse, _ driver: StreamDriver) async throws(WebSocketError)
        -> WebSocketError
    {
        var body = RefusalBody(of: answer.head, limit: RefusalBody.longest)
        body.append(answer.rest)
        while !body.isComplete {
            guard let bytes = try? await driver.read(), !bytes.isEmpty else { break }
            body.append(bytes)
        }
        // At the deadline, what is known of the refusal says more than that the rest of its body did not come.
        if let failure, failure.code != .timeout { throw failure }
        let flaw = answer.head.fault.map { "; its head: \($0.message)" } ?? ""
        let what = "\(hop.place) answered \(answer.head.status) \(answer.head.reasonPhrase) instead of 101\(flaw)"
        return fault(.http, what, .init(status: answer.head.status, headers: answer.head.fields, body: body.bytes))
    }

    /// The next hop, if the rules allow it.
    private func follow(_ location: String, _ head: ResponseHead) throws(WebSocketError) -> Hop {
        let response = WebSocketError.Response(status: head.status, headers: head.fields, body: [])
        let what = "\(hop.place) answered \(head.status)"
        guard hopsLeft > 0 else {
            throw fault(.tooManyRedirects, "\(what), after \(options.redirects.limit) redirects already", response)
        }
        hopsLeft -= 1
        do {
            return try hop.following(location, options.redirects)
        } catch {
            switch error {
            case .unusable(let why):
                throw fault(.badRedirect, "\(what) with a Location that cannot be used: \(why)", response)
            case .localSocket: throw fault(.badRedirect, "\(what), which leads to a socket of this machine", response)
            case .insecure:
                throw fault(
                    .badRedirect, "\(what), which leads from TLS to plain text; `redirects.allowsInsecure` allows it",
                    response)
            }
        }
    }
}

/// The body of a response that refused the handshake (RFC 9112 section 6.3), as far as it is kept.
///
/// Its form may be broken anywhere: then what came before counts. Each byte is looked at once, however it is cut. What
/// is read is bounded too, not only what is kept: chunks of one byte could cost a lot and hold little.
struct RefusalBody {
    /// The longest body of a refusal that is kept.
    static let longest = 64 << 10

    private let limit: Int
    private var length: Length
    private var content: [UInt8] = []
    /// How many bytes came in all, what frames chunks included.
    private var bytesRead = 0

    private enum Length {
        /// So many bytes are still to come.
        case known(Int)
        /// In chunks (RFC 9112 section 7.1).
        case chunked(ChunkedBody)
        /// Until the stream ends.
        case untilEnd
        case complete
    }

    /// - Parameter limit: bytes that are kept; at most twice as many are read.
    init(of response: ResponseHead, limit: Int) {
        self.limit = limit
        let fields = response.fields
        if response.status == 204 || response.status == 304 || response.isCut {
            length = .complete
        } else if let coding = fields[values: .transferEncoding].last {
            let last = coding.split(separator: ",").last ?? ""
            let isChunked = last.lowercased().filter { $0 != " " && $0 != "\t" } == "chunked"
            length = isChunked ? .chunked(ChunkedBody(limit: limit, excess: .leftOut)) : .untilEnd
        } else if let text = fields[.contentLength] {
            length = Int(text).map { $0 > 0 ? .known($0) : .complete } ?? .untilEnd
        } else {
            length = .untilEnd
        }
    }

    /// What came of it.
    var bytes: [UInt8] {
        if case .chunked(let body) = length { body.content } else { content }
    }

    /// Whether no more is to come, or to be kept.
    var isComplete: Bool {
        if case .complete = length { return true }
        return content.count >= limit || bytesRead >= 2 * limit
    }

    mutating func append(_ new: [UInt8]) {
        guard !isComplete else { return }
        bytesRead += new.count
        switch length {
        case .complete: return
        case .untilEnd: keep(new[...])
        case .known(let left):
            keep(new.prefix(left))
            length = new.count >= left ? .complete : .known(left - new.count)
        case .chunked(var body):
            // Let go of it before it grows, or it would be copied.
            length = .complete
            var rest = new[...]
            do {
                try body.read(&rest)
                if body.isComplete { content = body.content } else { length = .chunked(body) }
            } catch {
                content = body.content
            }
        }
    }

    private mutating func keep(_ part: ArraySlice<UInt8>) { content += part.prefix(limit - content.count) }
}
