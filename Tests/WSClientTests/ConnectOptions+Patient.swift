import WSClient

extension ConnectOptions {
    /// For tests that are not about time, on a machine that may be slow.
    static let patient = ConnectOptions(connectTimeout: .seconds(50))
}
