internal import Glibc
public import HansomTransport

extension Endpoint {
    /// The sockets that a service manager hands over, in its order: systemd's socket activation, by the variables
    /// `LISTEN_PID` and `LISTEN_FDS` (sd_listen_fds(3)).
    ///
    /// Such a socket outlives the program: whoever connects while one is replaced by the next waits, and is not refused.
    ///
    /// - Parameter tls: TLS with this certificate on all of them; default: plain.
    /// - Returns: none when the variables are missing, malformed, or meant for another process.
    public static func inherited(tls: TLSServerOptions? = nil) -> [Endpoint] {
        let descriptors = InheritedDescriptors.range(
            pid: variable("LISTEN_PID"), count: variable("LISTEN_FDS"), own: getpid())
        return descriptors.map { .descriptor($0, tls: tls) }
    }

    private static func variable(_ name: String) -> String? {
        // Safety: the string is copied before anyone could change the environment.
        guard let text = unsafe getenv(name) else { return nil }
        return unsafe String(cString: text)
    }
}

/// What the variables of socket activation mean.
enum InheritedDescriptors {
    /// After standard input, output and error.
    private static let first: Int32 = 3
    /// More than anyone hands over: a larger number is a mistake.
    private static let most: Int32 = 1024

    static func range(pid: String?, count: String?, own: Int32) -> Range<Int32> {
        guard let pid, Int32(pid) == own, let count, let number = Int32(count), (1...most).contains(number) else {
            return first..<first
        }
        return first..<first + number
    }
}
