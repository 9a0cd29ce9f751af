import CTLS

/// Owns a private key.
@safe final class TLSOwnedKey {
    let raw: OpaquePointer

    /// Takes over the caller's reference.
    init(_ raw: OpaquePointer) { unsafe self.raw = raw }

    deinit {
        // Safety: the reference is this object's own; a context that uses the key has taken one more.
        unsafe EVP_PKEY_free(raw)
    }
}
