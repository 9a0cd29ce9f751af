import CTLS

/// OpenSSL's error queue, which belongs to the thread.
enum TLSErrorQueue {
    /// One entry of the queue.
    struct Entry {
        let code: UInt

        /// The part of OpenSSL that it comes from (`ERR_LIB_SSL` and so on).
        var library: Int32 { CTLS_error_library(code) }

        /// What went wrong, a number of that part's own (`SSL_R_...`).
        var reason: Int32 { CTLS_error_reason(code) }

        /// The alert that the peer sent, if that is what it tells of.
        var alert: TLSAlert? {
            guard library == ERR_LIB_SSL, reason >= SSL_AD_REASON_OFFSET else { return nil }
            return UInt8(exactly: reason - SSL_AD_REASON_OFFSET).map(TLSAlert.init(rawValue:))
        }

        /// OpenSSL's words for it.
        var text: String {
            // Safety: the result is a constant of the library, or `nil`.
            guard let words = unsafe ERR_reason_error_string(code) else { return "TLS library error \(code)" }
            return unsafe String(cString: words)
        }
    }

    /// Forgets what earlier calls left behind: OpenSSL's verdict on a call looks at the queue.
    static func clear() { ERR_clear_error() }

    /// Takes everything out, oldest first: the oldest is usually the cause.
    static func drain() -> [Entry] {
        var entries: [Entry] = []
        while case let code = ERR_get_error(), code != 0 { entries.append(Entry(code: code)) }
        return entries
    }

    /// Everything in the queue in one line.
    static func drainText() -> String {
        let entries = drain()
        return entries.isEmpty ? "no reason given" : entries.map(\.text).joined(separator: "; ")
    }
}
