import Actors
import CTLS

/// One TLS session over a byte stream: OpenSSL's state machine and nothing of readiness. Belongs to one thread.
@safe package final class TLSSession {
    /// What one attempt came to.
    enum Outcome {
        /// Done; for reading and writing, so many bytes.
        case done(Int)
        /// The stream below must be readable first.
        case wantsRead
        /// The stream below must be writable first.
        case wantsWrite
        /// The peer has said `close_notify`.
        case closed
        /// The stream below broke, or ended without `close_notify`.
        case lost(StreamError)
        /// TLS itself broke: nothing works any more.
        case broken(TLSFailure)
    }

    private let link: TLSLink
    let ssl: OpaquePointer
    private let role: TLSContext.Role

    /// Begins a session that has not yet sent anything.
    ///
    /// - Parameter host: for a client, the host to ask for and to look for in the certificate.
    init(_ context: TLSContext, host: String?, over lower: any ByteStream) throws(StreamError) {
        link = TLSLink(lower: lower, context: context, host: context.serverName ?? host)
        role = context.role
        TLSErrorQueue.clear()
        // Safety: the `SSL` is this object's own and takes the BIO over; the link lives as long as this object.
        guard let ssl = unsafe SSL_new(context.handle.raw) else {
            throw .tls("OpenSSL makes no session: \(TLSErrorQueue.drainText())")
        }
        unsafe self.ssl = ssl
        guard let bio = unsafe TLSStreamBIO.make(over: link) else { throw .tls("OpenSSL makes no BIO: out of memory") }
        unsafe SSL_set_bio(ssl, bio, bio)
        unsafe CTLS_set_owner(ssl, Unmanaged.passUnretained(link).toOpaque())
        switch context.role {
        case .client:
            unsafe SSL_set_connect_state(ssl)
            try name(link.host ?? "")
        case .server:
            unsafe SSL_set_accept_state(ssl)
        }
    }

    deinit {
        // Otherwise OpenSSL bars a session from being taken up again after a connection that broke, which is just when
        // a client wants to; since TLS 1.1 there is no need to (RFC 5246 section 7.2.1).
        // Safety: the last use of the `SSL`. It frees the BIO, and calls nothing of ours; the link goes afterwards.
        unsafe SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
        unsafe SSL_free(ssl)
    }

    /// Whether bytes that have come wait inside: decrypted, or not even looked at, or a part of a record.
    var holdsBytes: Bool {
        // Safety: `ssl` lives as long as `self`, here and below.
        unsafe SSL_has_pending(ssl) == 1
    }

    /// Whether the peer has not said a word yet, in the handshake.
    var hasHeardNothing: Bool { link.firstBytes?.isEmpty ?? false }

    /// Takes the handshake a step on.
    func handshake() -> Outcome {
        let outcome = attempt("TLS handshake") { unsafe SSL_do_handshake(ssl) }
        switch outcome {
        case .done:
            link.firstBytes = nil
            link.counts.isOpen = true
            keepTicketOfTLS12()
        case .lost(.truncated), .closed:
            // Safety: the text is a constant of the library.
            let state = unsafe String(cString: SSL_state_string_long(ssl))
            return .lost(.tls("TLS handshake: the peer closed the connection in mid-handshake (\(state))"))
        default: break
        }
        return outcome
    }

    /// Reads decrypted bytes into a buffer that is not empty.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Outcome {
        var count = 0
        // Safety: at most the size of the buffer is written into it.
        let outcome = attempt("TLS") { unsafe SSL_read_ex(ssl, buffer.baseAddress, buffer.count, &count) }
        if case .done = outcome { return .done(count) }
        return outcome
    }

    /// Encrypts and sends at least one byte of a buffer that is not empty.
    ///
    /// After `wantsWrite` the same bytes must be offered again, and no fewer: their record is already made.
    func write(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        var count = 0
        // Safety: at most the size of the buffer is read from it.
        let outcome = attempt("TLS") { unsafe SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &count) }
        if case .done = outcome { return .done(count) }
        return outcome
    }

    /// Sends `close_notify`.
    func shutdown() -> Outcome {
        // 0 means: sent, and the peer's own has not come yet. That is what is wanted here.
        attempt("TLS close") {
            let result = unsafe SSL_shutdown(ssl)
            return result == 0 ? 1 : result
        }
    }

    /// What the handshake agreed on.
    func details() -> TLSDetails {
        // Safety: the strings and the certificate belong to the session and are copied.
        let peer = unsafe SSL_get0_peer_certificate(ssl).map { unsafe TLSCertificate(x509: $0) }
        let cipher = unsafe SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl))
        return unsafe TLSDetails(
            version: TLSVersion(wireNumber: SSL_version(ssl)) ?? .tls12,
            cipher: cipher.map { unsafe String(cString: $0) } ?? "unknown",
            alpn: selectedProtocol,
            serverName: SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map { unsafe String(cString: $0) },
            peerCertificate: peer?.der,
            peerSubject: peer?.subject,
            isResumed: SSL_session_reused(ssl) == 1)
    }

    private var selectedProtocol: String? {
        var bytes: UnsafePointer<UInt8>? = nil
        var count: UInt32 = 0
        // Safety: the bytes belong to the session and are copied.
        unsafe SSL_get0_alpn_selected(ssl, &bytes, &count)
        guard let bytes = unsafe bytes, count > 0 else { return nil }
        return unsafe String(decoding: UnsafeBufferPointer(start: bytes, count: Int(count)), as: UTF8.self)
    }

    /// Says which host is wanted: to the server, and to the check of its certificate.
    private func name(_ host: String) throws(StreamError) {
        // Safety: the parameters belong to the `SSL`; strings and bytes are copied.
        let parameters = unsafe SSL_get0_param(ssl)
        switch TLSServerName(host) {
        case .host(let name):
            unsafe X509_VERIFY_PARAM_set_hostflags(
                parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT))
            guard unsafe X509_VERIFY_PARAM_set1_host(parameters, name, name.utf8.count) == 1,
                unsafe admitWildcard(above: name, to: parameters),
                unsafe CTLS_set_server_name(ssl, name) == 1
            else { throw .tls("OpenSSL refuses the server name '\(name)'") }
        case .address(let bytes):
            guard unsafe X509_VERIFY_PARAM_set1_ip(parameters, bytes, bytes.count) == 1 else {
                throw .tls("OpenSSL refuses the server address '\(host)'")
            }
        case nil:
            throw .tls(
                "server name '\(LogText.escaped(host, .bytes, atMost: 256))' is neither a host name nor an address")
        }
        unsafe link.context.sessions?.offer(for: host, in: ssl)
    }

    /// Lets a label with `_` stand under a wildcard, where OpenSSL wants letters, digits and `-` alone: such names are
    /// no host names, but services and containers have them, and other clients accept them. Asked for itself, a
    /// wildcard is found only where the certificate has that very one.
    private func admitWildcard(above name: String, to parameters: OpaquePointer?) -> Bool {
        guard let dot = name.firstIndex(of: "."), name[..<dot].contains("_"), name[dot...].dropFirst().contains(".")
        else { return true }
        let wildcard = "*" + name[dot...]
        // Safety: the parameters belong to the `SSL`; the string is copied.
        return unsafe X509_VERIFY_PARAM_add1_host(parameters, wildcard, wildcard.utf8.count) == 1
    }

    /// In TLS 1.2 OpenSSL does not tell of the new ticket that comes when a session is taken up again.
    private func keepTicketOfTLS12() {
        guard let store = link.context.sessions, let host = link.host, unsafe SSL_version(ssl) == TLS1_2_VERSION,
            unsafe SSL_session_reused(ssl) == 1, let session = unsafe SSL_get1_session(ssl)
        else { return }
        // Safety: the reference is the store's if it takes it, and given back if not.
        if unsafe !store.keep(session, for: host) { unsafe SSL_SESSION_free(session) }
    }

    private func attempt(_ phase: String, _ call: () -> Int32) -> Outcome {
        TLSErrorQueue.clear()
        link.prepare()
        let result = call()
        if let violation = link.counts.violation { return .broken(TLSFailure(violation, of: link, phase: phase)) }
        if result > 0 { return .done(0) }
        return switch unsafe SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: .wantsRead
        case SSL_ERROR_WANT_WRITE: .wantsWrite
        case SSL_ERROR_ZERO_RETURN: .closed
        case SSL_ERROR_SYSCALL: .lost(link.failure ?? .truncated)
        default: .broken(TLSFailure(TLSErrorQueue.drain(), link, phase: phase))
        }
    }
}

/// Sessions that a client may take up again, by server name. Shared between threads.
///
/// A session is handed out once: a TLS 1.3 ticket that is used twice lets an observer link the two connections
/// (RFC 8446 appendix C.4).
// Safety: `sessions` is touched only under `lock`.
@safe final class TLSSessionStore: @unchecked Sendable {
    private static let limit = 256

    private let lock: UnsafeMutableRawPointer?
    private var sessions: [String: OpaquePointer]

    init() {
        // Safety: the lock belongs to this object. Without one (no memory) nothing is ever kept.
        unsafe lock = CRYPTO_THREAD_lock_new()
        unsafe sessions = [:]
    }

    deinit {
        // Safety: nobody else refers to this object any more, so lock and sessions are its own.
        unsafe sessions.values.forEach { unsafe SSL_SESSION_free($0) }
        unsafe CRYPTO_THREAD_lock_free(lock)
    }

    /// Keeps a session, in place of an older one for the same name. Takes the reference over if it returns true.
    func keep(_ session: OpaquePointer, for name: String) -> Bool {
        // Safety: the dictionary is touched under the lock only; a displaced reference is released once.
        guard unsafe lock != nil, unsafe CRYPTO_THREAD_write_lock(lock) == 1 else { return false }
        defer { unsafe CRYPTO_THREAD_unlock(lock) }
        if unsafe sessions.count >= Self.limit, unsafe sessions[name] == nil,
            let victim = unsafe sessions.popFirst()
        {
            unsafe SSL_SESSION_free(victim.value)
        }
        if let displaced = unsafe sessions.updateValue(session, forKey: name) { unsafe SSL_SESSION_free(displaced) }
        return true
    }

    /// Offers the session kept for `name`, if there is one, in the handshake that `ssl` is about to begin.
    func offer(for name: String, in ssl: OpaquePointer) {
        // Safety: as above; `SSL_set_session` takes a reference of its own.
        guard unsafe lock != nil, unsafe CRYPTO_THREAD_write_lock(lock) == 1 else { return }
        let session = unsafe sessions.removeValue(forKey: name)
        unsafe CRYPTO_THREAD_unlock(lock)
        guard let session = unsafe session else { return }
        if unsafe SSL_SESSION_is_resumable(session) == 1 { unsafe SSL_set_session(ssl, session) }
        unsafe SSL_SESSION_free(session)
    }
}

/// What a TLS handshake agreed on.
public struct TLSDetails: Sendable, Hashable {
    /// The protocol version.
    public let version: TLSVersion

    /// The cipher suite, by its name in the standard: `TLS_AES_256_GCM_SHA384`.
    public let cipher: String

    /// The application protocol (ALPN), where one was agreed on.
    public let alpn: String?

    /// The name that the client asked for (SNI), where it named one.
    public let serverName: String?

    /// The peer's own certificate in DER form, where it showed one.
    public let peerCertificate: [UInt8]?

    /// The subject of the peer's certificate (RFC 2253 form), where it showed one.
    public let peerSubject: String?

    /// Whether an earlier session was taken up again, without a new exchange of certificates.
    public let isResumed: Bool
}
