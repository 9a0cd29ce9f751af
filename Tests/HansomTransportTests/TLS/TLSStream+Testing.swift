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
