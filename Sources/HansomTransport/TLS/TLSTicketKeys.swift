internal import Actors
import CTLS
import Glibc

/// What the keys of session tickets are made from, for one day (in UTC), and from then on for the next.
///
/// Each day's secret is a digest of the day before's: whoever has one can follow it forward and never back. So
/// processes that began with the same one agree whatever day they begin, and what is forgotten cannot be found out
/// afterwards.
package struct TLSTicketSecret: Sendable, Hashable, Codable {
    package private(set) var bytes: [UInt8]
    package private(set) var day: Int64

    /// The day from which on a secret counts that comes without a day: 2026-01-01.
    package static let firstDay: Int64 = 20_454
    /// A clock that says more than that is wrong, and is not to hold anybody up.
    private static let mostDays: Int64 = 100_000

    package init(_ bytes: [UInt8], day: Int64 = firstDay) {
        self.bytes = bytes
        self.day = day
    }

    /// A new one, as if it had been there since yesterday.
    package static func random() -> TLSTicketSecret { TLSTicketSecret(Random.bytes(32), day: today - 1) }

    /// Goes on to a day, and forgets what came before. It never goes back.
    package mutating func advance(to day: Int64) {
        let last = min(day, Self.firstDay + Self.mostDays)
        while self.day < last {
            bytes = derive("next day")
            self.day += 1
        }
    }

    /// Days since the beginning of 1970.
    package static var today: Int64 { Int64(time(nil)) / 86_400 }

    fileprivate func derive(_ purpose: String) -> [UInt8] { SHA256.digest(of: Array(purpose.utf8) + [0] + bytes) }
}

/// The keys of session tickets (RFC 5077 section 4): another each day, with which new tickets are made, and the one of
/// the day before, whose tickets are still taken.
///
/// Whoever learns a key can read what was recorded of TLS 1.2 sessions on its day; so keys do not last (RFC 9325
/// section 3.4).
@safe final class TLSTicketKeys: @unchecked Sendable {
    // Safety: `secret`, `current` and `previous` are touched with `lock` held.

    /// One day's.
    struct Key: Sendable {
        let name: [UInt8]
        /// 32 bytes for AES-256, then 32 for HMAC-SHA-256.
        let keys: [UInt8]

        init(_ secret: TLSTicketSecret) {
            name = Array(secret.derive("ticket name").prefix(16))
            keys = secret.derive("ticket cipher") + secret.derive("ticket authentication")
        }
    }

    private let lock = Lock()
    private let today: @Sendable () -> Int64
    private var secret: TLSTicketSecret
    private var current: Key
    private var previous: Key?

    /// - Parameters:
    ///   - secret: what other processes begin with too; `nil`: one of its own.
    ///   - today: days since the beginning of 1970.
    init(_ secret: TLSTicketSecret? = nil, today: @escaping @Sendable () -> Int64 = { TLSTicketSecret.today }) {
        let day = today()
        var first = secret ?? TLSTicketSecret(Random.bytes(32), day: day)
        first.advance(to: day - 1)
        self.today = today
        self.secret = first
        current = Key(first)
        previous = nil
        renew(day)
    }

    /// What tickets are made with now.
    func forNewTickets() -> Key {
        lock.withLock {
            renew(today())
            return current
        }
    }

    /// What a ticket was made with; `nil`: what is not known any more.
    func forTicket(named name: UnsafeBufferPointer<UInt8>) -> Key? {
        lock.withLock {
            renew(today())
            return [current, previous].lazy.compactMap { $0 }.first { unsafe name.elementsEqual($0.name) }
        }
    }

    private func renew(_ day: Int64) {
        while secret.day < day {
            let before = secret.day
            secret.advance(to: max(before + 1, day - 1))
            guard secret.day > before else { return }
            // Of several days that passed at once only the last two leave keys behind.
            previous = secret.day == before + 1 ? current : nil
            current = Key(secret)
        }
    }
}

extension TLSContextHandle {
    /// Has tickets made and read with keys that change each day.
    func renewTicketKeys() {
        // Safety: OpenSSL calls on the session's thread; name and vector have 16 bytes each, the contexts live during
        // the call, and what the keys point at is copied.
        unsafe SSL_CTX_set_tlsext_ticket_key_evp_cb(raw) { ssl, name, vector, cipher, authentication, isNew in
            guard let keys = unsafe TLSLink.of(ssl)?.context.ticketKeys, let name = unsafe name,
                let vector = unsafe vector
            else { return -1 }
            guard isNew == 0 else {
                let key = keys.forNewTickets()
                _ = unsafe UnsafeMutableBufferPointer(start: name, count: 16).update(fromContentsOf: key.name)
                guard unsafe RAND_bytes(vector, 16) == 1 else { return -1 }
                return unsafe CTLS_use_ticket_key(cipher, authentication, key.keys, vector, 1)
            }
            guard let key = unsafe keys.forTicket(named: UnsafeBufferPointer(start: name, count: 16)) else { return 0 }
            guard unsafe CTLS_use_ticket_key(cipher, authentication, key.keys, vector, 0) == 1 else { return -1 }
            // 2: a new ticket goes out each time, in both versions. Clients, like ours, use one only once.
            return 2
        }
    }
}
