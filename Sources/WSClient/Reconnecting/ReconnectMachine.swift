internal import Actors
internal import HTTPTypes
internal import HansomHTTP
public import WSConnection
internal import WSProtocol

/// When a client tries again, and when no more, as a value: times and random numbers are passed in.
struct ReconnectMachine: Sendable {
    /// What is to be expected of another attempt.
    enum Prospect: Hashable, Sendable {
        /// It would fail as this one did.
        case hopeless
        /// It may succeed, though not before so long, if the server said so.
        case hopeful(notBefore: Duration?)
    }

    enum Decision: Hashable, Sendable {
        case retry(after: Duration)
        case giveUp(Cause)
    }

    /// Why it tries no more.
    enum Cause: Hashable, CaseIterable, Sendable {
        case hopeless, limit, time
    }

    private let backoff: ReconnectOptions.Backoff
    private let steadyAfter: UInt64
    private let totalTimeout: UInt64?
    /// Failures in a row; a connection that did not hold is one.
    private(set) var failures = 0
    /// Since when there has been no connection that held, in nanoseconds like all times here.
    private var lostAt: UInt64
    private var connectedAt: UInt64?

    init(_ options: ReconnectOptions, at now: UInt64) {
        backoff = options.backoff
        steadyAfter = options.steadyAfter.clampedNanoseconds
        totalTimeout = options.totalTimeout?.clampedNanoseconds
        lostAt = now
    }

    /// The number of the attempt that is made, or comes next, from 1; it begins anew after a connection that held.
    var attempt: Int { failures + 1 }

    /// How long attempts may still take; `nil`: as long as they like.
    func timeLeft(at now: UInt64) -> Duration? {
        guard let totalTimeout else { return nil }
        let spent = now &- lostAt
        return .nanoseconds(Int64(clamping: totalTimeout > spent ? totalTimeout - spent : 0))
    }

    /// An attempt has succeeded.
    mutating func connected(at now: UInt64) { connectedAt = now }

    /// An attempt has failed, or the connection is over.
    ///
    /// - Parameter jitter: which of all possible waits to choose.
    mutating func ended(_ prospect: Prospect, at now: UInt64, jitter: UInt64) -> Decision {
        if let connectedAt, now &- connectedAt >= steadyAfter {
            failures = 0
            lostAt = now
        }
        connectedAt = nil
        failures += 1
        guard case .hopeful(let notBefore) = prospect else { return .giveUp(.hopeless) }
        if let limit = backoff.limit, failures > limit { return .giveUp(.limit) }
        let wait = max(backoff.wait(before: failures, jitter), min(notBefore ?? .zero, backoff.most))
        if let left = timeLeft(at: now), wait >= left { return .giveUp(.time) }
        return .retry(after: wait)
    }
}

extension ReconnectOptions.Backoff {
    /// How long to wait before the further attempt of that number, from 1.
    func wait(before retry: Int, _ jitter: UInt64) -> Duration {
        let bound = first.backoff(before: retry, atMost: most).clampedNanoseconds
        // `jitter` of 2^64 equal parts: both ends belong to it.
        return .nanoseconds(Int64(clamping: (bound + 1).multipliedFullWidth(by: jitter).high))
    }
}

/// The value of `Retry-After` (RFC 9110 section 10.2.3).
enum RetryAfter {
    /// More digits than any wait that would be honoured.
    private static let mostDigits = 9

    /// How long to wait; `nil` for what is neither seconds nor a date.
    ///
    /// - Parameter now: seconds since 1970, for a date.
    static func delay(_ value: String, now: Int64) -> Duration? {
        let digits = value.utf8
        if !digits.isEmpty, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            let seconds = digits.count > mostDigits ? 999_999_999 : Int64(value) ?? 0
            return .seconds(seconds)
        }
        // The three forms of an HTTP date are among those that cookies come with.
        return HTTPDate.seconds(value).map { .seconds(max($0 - now, 0)) }
    }
}

extension WebSocketError {
    /// Whether the same attempt, made again later, may succeed: whether a reconnecting client tries again.
    ///
    /// No: what must be put right first, here or there. The URL or the options, certificates and the rest of TLS, a
    /// redirect that is not followed, the wrong use of a connection, and every answer of a server or proxy but 408,
    /// 425, 429 and those from 500 on that are not 501 or 505 (so not 401, 403, 404).
    /// Yes: everything else. Names that are not found, refused and lost connections, timeouts, any close.
    public var mayPass: Bool {
        switch code {
        case .invalidConfiguration, .tls, .accessDenied, .badRedirect, .tooManyRedirects: false
        case .misuse, .activeMode, .alreadySubscribed, .noSubscriber, .cancelled, .ownerEnded: false
        case .http, .proxy: response.map { WebSocketError.mayPass(status: $0.status) } ?? true
        default: true
        }
    }

    /// RFC 9110 section 15.5 and 15.6; 425: RFC 8470; 429: RFC 6585.
    private static func mayPass(status: Int) -> Bool {
        switch status {
        case 408, 425, 429: true
        case 501, 505: false
        default: status >= 500
        }
    }

    /// How long the server wants to be left alone, if it says so (RFC 9110 section 10.2.3; RFC 6585 section 4).
    ///
    /// - Parameter now: seconds since 1970.
    func retryAfter(now: Int64) -> Duration? {
        guard let response, response.status == 429 || response.status == 503 else { return nil }
        return response.headers[.retryAfter].flatMap { RetryAfter.delay($0, now: now) }
    }
}
