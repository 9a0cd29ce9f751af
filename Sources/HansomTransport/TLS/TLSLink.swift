import CTLS
import Glibc

/// What OpenSSL's callbacks need to know of a session: the stream below, and what they found out.
///
/// The session owns it, and outlives every call of OpenSSL's; OpenSSL holds a bare pointer to it.
final class TLSLink {
    /// How many times one call of OpenSSL's may read from below. What a peer sends besides data (tickets, key updates)
    /// is consumed inside such a call, so without a bound a flood of it would hold the scheduler. How many messages
    /// they may be, `counts` says.
    static let readsPerCall = 16

    let lower: any ByteStream
    let context: TLSContext

    /// The host that the client wants to reach, as it was given.
    let host: String?

    /// How many reads are left in the present call.
    private var readsLeft = 0

    /// What broke the stream below in the present call.
    private(set) var failure: StreamError?

    /// Why nothing can be written any more, found out during the handshake. It goes on as if all were written, to read
    /// what the peer said before it hung up: an alert, as a rule, which says more.
    private var writeFailure: StreamError?

    /// The first bytes that came, for the message that they are not TLS; kept during the handshake.
    var firstBytes: [UInt8]? = []

    /// What came beside data.
    var counts = TLSMessageCount()

    /// Why this side refuses the peer's certificate.
    var refusedCertificate: String?

    /// The application protocols that the client offered, none of which this side speaks.
    var refusedProtocols: String?

    init(lower: any ByteStream, context: TLSContext, host: String?) {
        self.lower = lower
        self.context = context
        self.host = host
    }

    /// The link of a session that OpenSSL calls back for.
    static func of(_ ssl: OpaquePointer?) -> TLSLink? {
        // Safety: the owner is set once, to a link that lives until the `SSL` is freed.
        guard let ssl = unsafe ssl, let owner = unsafe CTLS_owner(ssl) else { return nil }
        return unsafe Unmanaged<TLSLink>.fromOpaque(owner).takeUnretainedValue()
    }

    /// Gets ready for another call of OpenSSL's.
    func prepare() {
        readsLeft = Self.readsPerCall
        failure = nil
    }

    /// Reads for OpenSSL. `nil`: nothing now.
    func receive(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        guard readsLeft > 0 else { return nil }
        readsLeft -= 1
        switch unsafe lower.read(into: buffer) {
        case .bytes(let count):
            if let known = firstBytes, known.count < 16 {
                // Safety: `count` bytes of the buffer were just filled.
                unsafe firstBytes = known + buffer.prefix(min(count, 16 - known.count))
            }
            return count
        case .wouldBlock:
            guard isShakingHands, let writeFailure else { return nil }
            failure = writeFailure
        case .endOfStream: failure = (isShakingHands ? writeFailure : nil) ?? .truncated
        case .failed(let error): failure = (isShakingHands ? writeFailure : nil) ?? error
        }
        return 0
    }

    private var isShakingHands: Bool { firstBytes != nil }

    /// Writes for OpenSSL. `nil`: nothing now.
    func send(_ bytes: UnsafeRawBufferPointer) -> Int? {
        if isShakingHands, writeFailure != nil { return bytes.count }
        // Safety: the lower stream only reads what the vector points at, and only during the call.
        var vector = unsafe iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
        let progress = unsafe withUnsafePointer(to: &vector) { vector in
            unsafe lower.write(UnsafeBufferPointer(start: vector, count: 1))
        }
        switch progress {
        case .bytes(let count): return count
        case .wouldBlock: return nil
        case .endOfStream: return lost(.truncated, bytes.count)
        case .failed(let error): return lost(error, bytes.count)
        }
    }

    private func lost(_ error: StreamError, _ count: Int) -> Int {
        guard isShakingHands else {
            failure = error
            return 0
        }
        writeFailure = error
        return count
    }
}

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

/// A place in a list of byte ranges, which hands them out as chunks.
@safe struct VectorCursor {
    private let vectors: UnsafeBufferPointer<iovec>
    private var index = 0
    private var offset = 0

    /// The vectors, and the bytes that they name, must outlive the cursor.
    init(_ vectors: UnsafeBufferPointer<iovec>) {
        unsafe self.vectors = vectors
        skipEmpty()
    }

    var isAtEnd: Bool { unsafe index == vectors.count }

    /// Lends the next bytes as one range, at most `limit` and no fewer than that unless fewer are left.
    ///
    /// A vector that is long enough, or the last, is lent where it is; several short ones are copied together, so that
    /// a frame's header and payload share a TLS record.
    func withChunk<Result>(of limit: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        // Safety: `index` is less than the count while not at the end, and `offset` less than the vector's length.
        let first = unsafe UnsafeRawBufferPointer(rebasing: rest(of: vectors[index], from: offset).prefix(limit))
        if first.count == limit || isLast { return unsafe body(first) }
        return unsafe withUnsafeTemporaryAllocation(byteCount: size(upTo: limit), alignment: 1) { scratch in
            var filled = 0
            var offset = offset
            for index in unsafe index..<vectors.count where filled < scratch.count {
                let part = unsafe rest(of: vectors[index], from: offset).prefix(scratch.count - filled)
                let target = unsafe UnsafeMutableRawBufferPointer(rebasing: scratch[filled...])
                unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: part))
                unsafe filled += part.count
                offset = 0
            }
            return unsafe body(UnsafeRawBufferPointer(scratch))
        }
    }

    /// Moves on by so many bytes, which were lent before.
    mutating func advance(by count: Int) {
        offset += count
        // Safety: `index` is checked against the count first.
        while unsafe index < vectors.count, offset > 0, unsafe offset >= vectors[index].iov_len {
            unsafe offset -= vectors[index].iov_len
            index += 1
        }
        skipEmpty()
    }

    private var isLast: Bool {
        // Safety: the slice begins at or before the end.
        unsafe vectors[(index + 1)...].allSatisfy { unsafe $0.iov_len == 0 }
    }

    private mutating func skipEmpty() {
        // Safety: `index` is checked against the count first.
        while unsafe index < vectors.count, unsafe vectors[index].iov_len == 0 { index += 1 }
    }

    private func size(upTo limit: Int) -> Int {
        var size = -offset
        // Safety: each index is within the count.
        for index in unsafe index..<vectors.count where size < limit { unsafe size += vectors[index].iov_len }
        return min(size, limit)
    }

    private func rest(of vector: iovec, from offset: Int) -> Slice<UnsafeRawBufferPointer> {
        // Safety: `offset` is at most the vector's length.
        unsafe UnsafeRawBufferPointer(start: vector.iov_base, count: vector.iov_len).dropFirst(offset)
    }
}
