import CTLS

@testable import HansomTransport

extension TLSContext {
    /// Speaks no version later than this one.
    func limit(to version: TLSVersion) {
        unsafe CTLS_set_max_version(handle.raw, version.wireNumber)
    }

    /// Lets this side, unlike any that is made from options, ask for new handshakes.
    func allowRenegotiation() {
        unsafe SSL_CTX_clear_options(handle.raw, 1 << 30)
    }
}
