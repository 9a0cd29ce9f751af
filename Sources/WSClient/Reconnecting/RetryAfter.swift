internal import WSProtocol

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
