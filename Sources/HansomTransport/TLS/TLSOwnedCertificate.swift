import CTLS

/// Owns an X.509 certificate.
@safe final class TLSOwnedCertificate {
    let raw: OpaquePointer

    /// Takes over the caller's reference.
    init(_ raw: OpaquePointer) { unsafe self.raw = raw }

    deinit {
        // Safety: the reference is this object's own; whoever else needs the certificate has taken one more.
        unsafe X509_free(raw)
    }

    /// Whether it is good only together with an answer of its authority (RFC 7633).
    // Safety: it lives during the call.
    var mustStaple: Bool { unsafe CTLS_must_staple(raw) == 1 }

    /// What can be read in it.
    var view: TLSCertificate { unsafe TLSCertificate(x509: raw) }
}
