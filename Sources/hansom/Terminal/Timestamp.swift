internal import Glibc

/// A point in time as RFC 3339 writes it, in UTC and to the millisecond: `2026-05-04T03:02:01.000Z`.
struct Timestamp: CustomStringConvertible {
    let description: String

    /// - Parameters:
    ///   - seconds: since the beginning of 1970, without leap seconds.
    ///   - milliseconds: 0 to 999.
    init(seconds: Int, milliseconds: Int) {
        var time = time_t(seconds)
        var parts = unsafe tm()
        // Safety: both live during the call.
        _ = unsafe gmtime_r(&time, &parts)
        let date = unsafe [Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday)]
        let clock = unsafe [Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec)]
        description =
            date.map { Timestamp.padded($0, 2) }.joined(separator: "-") + "T"
            + clock.map { Timestamp.padded($0, 2) }.joined(separator: ":") + ".\(Timestamp.padded(milliseconds, 3))Z"
    }

    static var now: Timestamp {
        var time = timespec()
        // Safety: the call fills one value that lives as long as the call.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(seconds: time.tv_sec, milliseconds: time.tv_nsec / 1_000_000)
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = "\(number)"
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
