import CTLS

/// Puts what OpenSSL reports into words.
struct TLSFailure {
    /// What broke, for the owner of the stream.
    let error: StreamError

    /// Whether the peer spoke plain HTTP, and may be told so in its own language.
    let isPlainHTTP: Bool

    /// - Parameters:
    ///   - entries: what OpenSSL left in its queue.
    ///   - link: what the callbacks found out.
    ///   - phase: what was going on, for the message.
    init(_ entries: [TLSErrorQueue.Entry], _ link: TLSLink, phase: String) {
        isPlainHTTP = entries.contains {
            $0.library == ERR_LIB_SSL && ($0.reason == SSL_R_HTTP_REQUEST || $0.reason == SSL_R_HTTPS_PROXY_REQUEST)
        }
        error = .tls("\(phase): \(Self.reason(entries, link))")
    }

    /// - Parameter violation: what the peer does that it must not.
    init(_ violation: String, of link: TLSLink, phase: String) {
        isPlainHTTP = false
        error = .tls("\(phase): the \(link.context.role == .client ? "server" : "client") \(violation)")
    }

    private static func reason(_ entries: [TLSErrorQueue.Entry], _ link: TLSLink) -> String {
        let peer = link.context.role == .client ? "server" : "client"
        if let complaint = link.refusedCertificate { return "the \(peer)'s certificate is refused: \(complaint)" }
        if let offered = link.refusedProtocols {
            let own = link.context.protocols.names.joined(separator: ", ")
            return "the client offers the application protocols (ALPN) \(offered); this side speaks \(own)"
        }
        guard let first = entries.first else { return "no reason given" }
        if let alert = entries.lazy.compactMap(\.alert).first { return "the \(peer) sent \(alert)" }
        guard first.library == ERR_LIB_SSL else { return entries.map(\.text).joined(separator: "; ") }
        switch first.reason {
        case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST, SSL_R_WRONG_VERSION_NUMBER, SSL_R_PACKET_LENGTH_TOO_LONG:
            guard let bytes = link.firstBytes, !looksLikeTLS(bytes) else { return first.text }
            return "the \(peer) does not speak TLS: its first bytes are '\(Printable.text(bytes))'"
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_NO_PROTOCOLS_AVAILABLE:
            return
                "protocol version: the \(peer) does not speak \(link.context.minimumVersion) or later (\(first.text))"
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            return "the client shows no certificate, and this server requires one"
        case SSL_R_NO_SHARED_CIPHER:
            return "no cipher suite in common"
        default:
            return entries.map(\.text).joined(separator: "; ")
        }
    }

    /// A TLS record begins with its kind (20 to 24) and the major version 3.
    private static func looksLikeTLS(_ bytes: [UInt8]) -> Bool {
        bytes.count >= 2 && (20...24).contains(bytes[0]) && bytes[1] == 3
    }
}
