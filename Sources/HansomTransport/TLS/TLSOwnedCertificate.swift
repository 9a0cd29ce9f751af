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

    /// What can be read in it.
    var view: TLSCertificate { unsafe TLSCertificate(x509: raw) }
}
