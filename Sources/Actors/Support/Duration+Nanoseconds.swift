extension Duration {
    /// Whole nanoseconds, between 0 and `UInt64.max / 2`: what a deadline can be counted in without overflow.
    package var clampedNanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        if seconds < 0 || attoseconds < 0 { return 0 }
        let limit = UInt64.max / 2
        if seconds >= Int64(limit / 1_000_000_000) { return limit }
        return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
    }
}
