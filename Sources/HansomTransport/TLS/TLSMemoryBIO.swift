import CTLS

/// Bytes that OpenSSL reads from.
@safe final class TLSMemoryBIO {
    let raw: OpaquePointer

    init?(_ bytes: [UInt8]) {
        // Safety: a writable memory BIO copies what is written, so nothing outlives `bytes`.
        guard let raw = unsafe BIO_new(BIO_s_mem()) else { return nil }
        unsafe self.raw = raw
        var written = 0
        guard bytes.isEmpty || (unsafe BIO_write_ex(raw, bytes, bytes.count, &written)) == 1, written == bytes.count
        else { return nil }
    }

    deinit {
        // Safety: the BIO is this object's own.
        unsafe BIO_free(raw)
    }
}
