import CTLS
import Glibc

/// What OpenSSL's callbacks need to know of a session: the stream below, and what they found out.
///
/// The session owns it, and outlives every call of OpenSSL's; OpenSSL holds a bare pointer to it.
final class TLSLink {
    /// How many times one call of OpenSSL's may read from below. What a peer sends besides data (tickets, key updates)
    /// is consumed inside such a call, so without a bound a flood of it would hold the scheduler. How many messages they
    /// may be, `counts` says.
    static let readsPerCall = 16

    let lower: any ByteStream
    let context: TLSContext

    /// The host that the client wants to reach, as it was given.
    let host: String?

    /// How many reads are left in the present call.
    private var readsLeft = 0

    /// What broke the stream below in the present call.
    private(set) var failure: StreamError?

    /// Why nothing can be written any more, found out during the handshake. It goes on as if all were written, to read what the
    /// peer said before it hung up: an alert, as a rule, which says more.
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
