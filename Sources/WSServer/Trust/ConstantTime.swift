internal import HansomTransport

/// Comparing secrets so that the time it takes tells nothing of them.
enum ConstantTime {
    /// Whether both are the same.
    ///
    /// Their digests are compared, which are of one length whatever theirs is, and every byte of them: whoever guesses learns
    /// neither how long the secret is nor how much of it he has right.
    static func areEqual(_ a: some Sequence<UInt8>, _ b: some Sequence<UInt8>) -> Bool {
        difference(SHA256.digest(of: Array(a)), SHA256.digest(of: Array(b))) == 0
    }

    /// 0 for equal ones. Never stops before the end of the shorter.
    static func difference(_ a: some Sequence<UInt8>, _ b: some Sequence<UInt8>) -> UInt8 {
        zip(a, b).reduce(0) { $0 | ($1.0 ^ $1.1) }
    }
}
