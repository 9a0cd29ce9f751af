import CTLS

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
