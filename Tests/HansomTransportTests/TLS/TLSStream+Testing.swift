import CTLS

@testable import HansomTransport

extension TLSStream {
    /// Changes the sending key with the next write, and asks the peer to change its own if it is to be answered.
    func updateKey(answered: Bool) {
        guard case .open(let session) = phase else { return }
        unsafe SSL_key_update(session.ssl, answered ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED)
    }

    /// Asks for a new handshake; returns whether this side's own library lets it.
    func renegotiate() -> Bool {
        guard case .open(let session) = phase else { return false }
        return unsafe SSL_renegotiate(session.ssl) == 1
    }
}

extension TLSStream {
    /// Changes the sending key, and says so at once, in a record of its own.
    func updateKeyAtOnce() {
        guard case .open(let session) = phase else { return }
        unsafe SSL_key_update(session.ssl, SSL_KEY_UPDATE_NOT_REQUESTED)
        unsafe SSL_do_handshake(session.ssl)
    }

    /// Sends another session ticket (a server, TLS 1.3).
    func sendTicket() {
        guard case .open(let session) = phase else { return }
        unsafe SSL_new_session_ticket(session.ssl)
        unsafe SSL_do_handshake(session.ssl)
    }

    /// Asks for a new handshake at once (TLS 1.2): a server by a request for one, a client by beginning it.
    func renegotiateAtOnce() {
        guard case .open(let session) = phase else { return }
        unsafe SSL_renegotiate(session.ssl)
        unsafe SSL_do_handshake(session.ssl)
    }
}
