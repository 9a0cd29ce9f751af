@testable import HansomTransport

/// A certificate and its key in PEM form, with the public key's digest.
struct TestIdentity: Sendable {
    var certificate: [UInt8]
    let key: [UInt8]
    let publicKeyDigest: [UInt8]

    var tls: TLSIdentity { .pem(certificateChain: certificate, privateKey: key) }
}
