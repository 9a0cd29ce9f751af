import CTLS
import Glibc

/// How many messages of TLS itself a peer may send beside data, once the handshake is done: key updates, session
/// tickets, requests for another handshake. Each is a few bytes to send and a new key or a signature to take in.
///
/// So many at once, and one more for each second. No honest peer comes near that: OpenSSL changes its key when it is
/// told to, others after gigabytes, and a server sends its tickets once. BoringSSL, Go and rustls count those that come
/// in a row; here a byte of data between two of them changes nothing.
struct TLSAllowance {
    static let most: UInt64 = 32
    private static let nanosecondsForOne: UInt64 = 1_000_000_000

    private var left = most
    /// Up to when what was earned by waiting is in `left`.
    private var countedUpTo: UInt64 = 0

    /// Takes one.
    ///
    /// - Parameter now: nanoseconds of a clock that does not go back.
    /// - Returns: whether there was one to take.
    mutating func take(now: UInt64) -> Bool {
        let earned = now > countedUpTo ? (now - countedUpTo) / Self.nanosecondsForOne : 0
        if earned >= Self.most - left {
            (left, countedUpTo) = (Self.most, now)
        } else {
            left += earned
            countedUpTo += earned * Self.nanosecondsForOne
        }
        guard left > 0 else { return false }
        left -= 1
        return true
    }
}

/// What a session counts of the messages that come, and whether they are too many.
struct TLSMessageCount {
    private var allowance = TLSAllowance()
    /// Whether the record that came last was counted already, so that the first message in it is not.
    private var isRecordCounted = false
    /// Whether the handshake is done. Before that, messages of TLS are what is wanted.
    var isOpen = false
    /// What the peer does wrong, once it does.
    private(set) var violation: String?

    /// A record begins. One that carries no data counts, since OpenSSL does not tell of every message that it drops.
    mutating func record(isHandshake: Bool) {
        isRecordCounted = isHandshake && isOpen
        if isRecordCounted { count() }
    }

    /// A whole message came. A request for another handshake is dropped by a client at any time, so it counts at any
    /// time.
    mutating func message(kind: UInt8) {
        guard isOpen || kind == UInt8(SSL3_MT_HELLO_REQUEST) else { return }
        if isRecordCounted { isRecordCounted = false } else { count() }
    }

    private mutating func count() {
        var time = timespec()
        // Safety: the call fills one value that lives as long as the call.
        unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
        let now = UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        if allowance.take(now: now) { return }
        violation =
            "floods this side with messages of TLS beside data (key updates, session tickets, requests for another "
            + "handshake); \(TLSAllowance.most) are allowed, and one more a second"
    }
}

extension TLSContextHandle {
    /// Has each session count what comes beside data, and end itself when that is too much.
    func countMessages() {
        // Safety: OpenSSL calls on the session's thread, with bytes that live during the call.
        unsafe SSL_CTX_set_msg_callback(raw) { isWritten, _, kind, bytes, count, ssl, _ in
            guard isWritten == 0, count > 0, let bytes = unsafe bytes else { return }
            let first = unsafe bytes.load(as: UInt8.self)
            switch kind {
            case SSL3_RT_HEADER, SSL3_RT_INNER_CONTENT_TYPE:
                // In TLS 1.3 the header says of every record that it is data; what it is comes to light inside.
                unsafe TLSLink.of(ssl)?.counts.record(isHandshake: first == UInt8(SSL3_RT_HANDSHAKE))
            case SSL3_RT_HANDSHAKE: unsafe TLSLink.of(ssl)?.counts.message(kind: first)
            default: return
            }
            guard unsafe TLSLink.of(ssl)?.counts.violation != nil else { return }
            // So OpenSSL takes in nothing more of what it holds already: at the next record the call returns.
            unsafe SSL_set_shutdown(ssl, SSL_get_shutdown(ssl) | SSL_RECEIVED_SHUTDOWN)
        }
    }
}
