internal import Glibc

/// How many descriptors this process may have open, and so how many connections.
enum DescriptorLimit {
    /// What is kept for everything that is no connection: standard streams, files, listening sockets, the control channel.
    private static let reserve = 64

    /// Raises the limit as far as it may be raised without privileges, and returns it.
    static func raise() -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        // Safety: here and below, `limit` lives as long as the call.
        guard unsafe getrlimit(resource, &limit) == 0 else { return 1024 }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            if unsafe setrlimit(resource, &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// How many connections a server of this process can have.
    ///
    /// - Parameter schedulers: each has two descriptors of its own.
    static func connections(within limit: Int, schedulers: Int) -> Int {
        max(1, limit - reserve - 2 * schedulers)
    }
}
