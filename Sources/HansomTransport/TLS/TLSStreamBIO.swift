import CTLS

/// The kind of BIO through which OpenSSL reads from and writes to a `ByteStream` directly, without a buffer between.
// Safety: the method table is filled before anyone sees it, and never changes.
@safe struct TLSStreamBIO: @unchecked Sendable {
    private static let shared = TLSStreamBIO()

    private let method: OpaquePointer?

    /// A new BIO over the stream below `link`, which must outlive it. `nil`: out of memory.
    static func make(over link: TLSLink) -> OpaquePointer? {
        // Safety: the pointer is unretained: the session frees the BIO before it lets go of the link.
        guard let method = unsafe shared.method, let bio = unsafe BIO_new(method) else { return nil }
        unsafe BIO_set_data(bio, Unmanaged.passUnretained(link).toOpaque())
        unsafe BIO_set_init(bio, 1)
        return unsafe bio
    }

    private init() {
        // Safety: made once for the life of the process. The callbacks get BIOs that `make` has given a link, and
        // buffers that are good for the duration of the call.
        let method = unsafe BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "byte stream")
        unsafe self.method = method
        unsafe BIO_meth_set_read_ex(method) { bio, buffer, count, done in
            unsafe CTLS_BIO_clear_retry(bio)
            let link = unsafe TLSStreamBIO.link(of: bio)
            let received = unsafe link?.receive(into: UnsafeMutableRawBufferPointer(start: buffer, count: count))
            guard let received else {
                unsafe CTLS_BIO_set_retry_read(bio)
                return 0
            }
            unsafe done?.pointee = received
            return received > 0 ? 1 : 0
        }
        unsafe BIO_meth_set_write_ex(method) { bio, bytes, count, done in
            unsafe CTLS_BIO_clear_retry(bio)
            let link = unsafe TLSStreamBIO.link(of: bio)
            guard let sent = unsafe link?.send(UnsafeRawBufferPointer(start: bytes, count: count)) else {
                unsafe CTLS_BIO_set_retry_write(bio)
                return 0
            }
            unsafe done?.pointee = sent
            return sent > 0 ? 1 : 0
        }
        unsafe BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
    }

    private static func link(of bio: OpaquePointer?) -> TLSLink? {
        // Safety: see `make`.
        guard let bio = unsafe bio, let data = unsafe BIO_get_data(bio) else { return nil }
        return unsafe Unmanaged<TLSLink>.fromOpaque(data).takeUnretainedValue()
    }
}
