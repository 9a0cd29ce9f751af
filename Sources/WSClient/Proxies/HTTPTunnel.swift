internal import HTTPTypes
internal import WSConnection
internal import WSProtocol

/// A tunnel through an HTTP proxy: CONNECT (RFC 9110 section 9.3.6).
struct HTTPTunnel: Tunnel {
    let greeting: [UInt8]
    private var parser: ResponseHeadParser
    private var interimAnswers = 0
    /// A refusal whose body is still coming.
    private var refusal: (head: ResponseHead, body: RefusalBody)?

    /// Interim answers before the one that counts.
    private static let mostInterimAnswers = 16

    /// - Parameters:
    ///   - server: host and port to reach.
    ///   - proxy: with the credentials and fields that it is to be sent.
    ///   - limits: of the head of its answer.
    init(to server: WebSocketError.Place, through proxy: Proxy, _ limits: HeadLimits = .init()) {
        parser = ResponseHeadParser(limits: limits, acceptsHTTP10: true, isForgiving: true)
        var fields = HTTPFields()
        fields[.hostField] = server.description
        if let credentials = proxy.credentials {
            fields[.proxyAuthorization] = credentials.basicAuthorization
        }
        for field in proxy.headers {
            if field.name == .proxyAuthorization { fields[.proxyAuthorization] = nil }
            fields.append(field)
        }
        greeting = RequestHead(method: .connect, target: server.description, fields: fields).bytes
    }

    mutating func receive(_ bytes: [UInt8]) -> TunnelStep {
        if refusal != nil { return receiveBody(bytes) }
        var rest = bytes
        while true {
            let (consumed, head): (Int, ResponseHead?)
            do throws(HeadError) {
                (consumed, head) = try parser.parse(rest)
            } catch {
                return .refused(TunnelFailure(reason: "does not answer CONNECT in HTTP: \(error.message)"))
            }
            guard let head else { return .more }
            rest.removeFirst(consumed)
            if (100...199).contains(head.status) {
                interimAnswers += 1
                guard interimAnswers < HTTPTunnel.mostInterimAnswers else {
                    return .refused(
                        TunnelFailure(reason: "sent \(interimAnswers) interim answers (RFC 9110 section 15.2)"))
                }
                if rest.isEmpty { return .more }
                continue
            }
            if (200...299).contains(head.status), !head.isCut { return opened(rest) }
            refusal = (head, RefusalBody(of: head, limit: RefusalBody.longest))
            return receiveBody(rest)
        }
    }

    /// In TLS and in HTTP the client speaks first, so nothing that follows can come from the server.
    private func opened(_ rest: [UInt8]) -> TunnelStep {
        if rest.isEmpty { return .open }
        return .refused(
            TunnelFailure(
                reason: "sent \(rest.count) bytes behind its answer to CONNECT, which no server can have sent yet"))
    }

    private mutating func receiveBody(_ bytes: [UInt8]) -> TunnelStep {
        refusal?.body.append(bytes)
        guard let refusal, refusal.body.isComplete else { return .more }
        return .refused(ended())
    }

    func ended() -> TunnelFailure {
        guard let (head, body) = refusal ?? parser.begun.map({ ($0, RefusalBody(of: $0, limit: 0)) }) else {
            return TunnelFailure(reason: "ended the connection before its answer to CONNECT")
        }
        let flaw = head.fault.map { "; its head: \($0.message)" } ?? ""
        let hint =
            head.status == 407
            ? " (it wants \(head.fields[.proxyAuthenticate] ?? "credentials"); give user and password in its URL, or as `credentials`)" : ""
        return TunnelFailure(
            reason: "answered CONNECT with \(head.status) \(head.reasonPhrase)\(hint)\(flaw)",
            response: .init(status: head.status, headers: head.fields, body: body.bytes))
    }
}
