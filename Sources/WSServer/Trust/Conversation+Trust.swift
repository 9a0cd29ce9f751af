internal import HansomTransport
internal import WSConnection
internal import WSProtocol

/// Whom the server believes to speak to: what stands in front of the bytes, and what trusted proxies say in a request.
extension Conversation {
    /// Reads the PROXY header, where one is to come; before TLS, since the proxy writes it before the client's bytes.
    ///
    /// No more is read than belongs to it: what follows may be TLS, which reads for itself.
    func readProxyHeader() async throws(Ending) {
        let allowed = settings.options.proxyProtocol
        guard !allowed.isEmpty else { return }
        guard allowed.covers(peer) else {
            let who = peer?.description ?? "a peer without an address"
            throw .lost(proxyFault("PROXY protocol: \(who) may not speak it here"))
        }
        var parser = ProxyHeaderParser()
        while true {
            let bytes = try await read(atMost: parser.leastMissing)
            let header: ProxyHeader?
            do {
                header = try parser.parse(bytes).header
            } catch {
                throw .lost(proxyFault(error.description))
            }
            if let header { return try heed(header) }
        }
    }

    private func read(atMost count: Int) async throws(Ending) -> [UInt8] {
        let bytes: [UInt8]
        do {
            bytes = try await driver.read(atMost: count)
        } catch {
            throw .lost(error)
        }
        guard !bytes.isEmpty else {
            throw .lost(proxyFault("PROXY protocol: the peer ended the connection within its header"))
        }
        return bytes
    }

    private func proxyFault(_ message: String) -> WebSocketError {
        WebSocketError(.proxy, message, phase: .proxy)
    }

    private func heed(_ header: ProxyHeader) throws(Ending) {
        isSecureAtProxy = header.isSecure == true
        // What the proxy says is not said by the client.
        socket?.hasReceived = false
        guard let ends = header.ends else { return }
        (peer, local, visit.client) = (ends.source, ends.destination, ends.source)
        guard settings.load.countsPeers, let client = PeerAddress(ends.source) else { return }
        guard settings.load.admit(client) else {
            // It is counted as one that was turned away, and not as a handshake.
            visit.isCounted = true
            throw .lost(WebSocketError(.closed, "the client has as many connections as it may", phase: .proxy))
        }
        place = client
    }

    /// Refuses a request for a host that is none of the server's.
    func checkHost(of request: IncomingRequest) throws(Ending) {
        guard let hosts = settings.hosts else { return }
        let isTLS = tls != nil || isSecureAtProxy
        let origin = externalOrigin ?? ServerHandshake.requestOrigin(request.head, isTLS: isTLS)
        if let origin, hosts.allow(origin) { return }
        let name = origin.map { "\($0)" } ?? "a request without a host"
        throw .refused(
            Refusal(status: 421, reason: "\(name) is none of this server's hosts (RFC 9110 section 15.5.20)\n"))
    }

    /// What trusted proxies say of a request, once its head has come.
    func believe(_ request: IncomingRequest) -> TrustedProxies.Findings {
        let trusted = TrustedProxies(
            ranges: settings.options.trustedProxies, headers: settings.options.forwardedHeaders)
        return trusted.judge(request.head.fields, peer: peer, isTLS: tls != nil || isSecureAtProxy)
    }
}
