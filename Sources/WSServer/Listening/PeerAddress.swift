internal import HansomTransport

/// Who counts as one peer where connections are counted by address: an IPv4 address, or the 64 bits that one subscriber
/// of IPv6 has for himself (RFC 6177).
struct PeerAddress: Hashable, Sendable {
    /// Four bytes or eight.
    private let network: [UInt8]

    /// `nil` for a Unix-domain socket, whose peers are all on this machine.
    init?(_ address: SocketAddress?) {
        guard let address, !address.isUnix else { return nil }
        // IPv4 by way of a socket that listens for both is in the last bytes (RFC 4291 section 2.5.5.2).
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        let all = address.bytes
        network = Array(all.starts(with: mapped) ? all[12...] : all.prefix(8))
    }
}
