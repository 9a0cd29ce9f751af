internal import Glibc
internal import HansomTransport

/// What the machine that runs the tests has: a test that needs more than every machine gives asks here first, and is
/// skipped, or does with less, where there is none.
package enum Machine {
    /// Whether a socket can be bound to `::1`. Containers often have IPv4 only.
    package static let hasIPv6: Bool = {
        guard let address = SocketAddress(numeric: "::1", port: 0), let descriptor = try? Socket.open(family: AF_INET6)
        else {
            return false
        }
        defer { Socket.close(descriptor) }
        return (try? Socket.bind(descriptor, to: address)) != nil
    }()

    /// The loopback addresses that there are, IPv4's first.
    package static let loopbackHosts = ["127.0.0.1"] + (hasIPv6 ? ["::1"] : [])

    /// The families that a stream socket can be bound in.
    package static let streamFamilies = [AF_INET] + (hasIPv6 ? [AF_INET6] : []) + [AF_UNIX]
}
