internal import Actors
internal import Glibc
internal import HansomTransport

/// A place that is this program's, while only its workers listen there.
///
/// Its sockets are bound and do not listen, so the kernel gives them no connections. They keep the port when all workers are
/// gone for a moment, and make port 0 a number before the first worker starts.
final class ReservedPort: Sendable {
    /// All addresses of the host's name, with the real port.
    let addresses: [SocketAddress]
    private let descriptors: [Int32]

    init(host: String, port: Int, on schedulers: SchedulerGroup) async throws(CommandFailure) {
        guard let number = UInt16(exactly: port) else { throw CommandFailure("port \(port); 0 to 65535 are allowed") }
        let found: [SocketAddress]
        do {
            found = try await Resolver.resolve(host, port: number, on: schedulers.resolverPool)
        } catch {
            throw CommandFailure("cannot resolve \(host): \(error.reason)")
        }
        var bound: [(descriptor: Int32, address: SocketAddress)] = []
        var missing: CommandFailure?
        for address in found {
            let address = address.with(port: bound.first?.address.port)
            if bound.contains(where: { $0.address == address }) { continue }
            do {
                bound.append(try ReservedPort.bind(address))
            } catch {
                let failure = ReservedPort.failure(error, address)
                // A name may have addresses that this machine has not: `localhost` without IPv6.
                if error.errno == EADDRNOTAVAIL || error.errno == EAFNOSUPPORT {
                    missing = failure
                    continue
                }
                for (descriptor, _) in bound { Socket.close(descriptor) }
                throw failure
            }
        }
        if bound.isEmpty, let missing { throw missing }
        descriptors = bound.map(\.descriptor)
        addresses = bound.map(\.address)
    }

    deinit { for descriptor in descriptors { Socket.close(descriptor) } }

    private static func bind(_ address: SocketAddress) throws(SystemError) -> (Int32, SocketAddress) {
        let descriptor = try Socket.open(family: address.family)
        do {
            Socket.setOption(SO_REUSEADDR, level: SOL_SOCKET, of: descriptor, to: 1)
            if case .v6 = address { Socket.setOption(IPV6_V6ONLY, level: Int32(IPPROTO_IPV6), of: descriptor, to: 0) }
            try Socket.bind(descriptor, to: address)
            // The port is shared only from here on: one that others listen on already is an error, even if they share
            // it, since they would share the connections too.
            Socket.setOption(SO_REUSEPORT, level: SOL_SOCKET, of: descriptor, to: 1)
            return (descriptor, Socket.localAddress(descriptor) ?? address)
        } catch {
            Socket.close(descriptor)
            throw error
        }
    }

    private static func failure(_ error: SystemError, _ address: SocketAddress) -> CommandFailure {
        switch error.errno {
        case EADDRINUSE: CommandFailure("\(address) is in use; stop who uses it, or choose another port")
        case EACCES, EPERM: CommandFailure("not allowed to listen on \(address); choose a port from 1024 on")
        default: CommandFailure("cannot listen on \(address): \(error)")
        }
    }
}

extension SocketAddress {
    /// The same with another port, if one is given.
    fileprivate func with(port: Int?) -> SocketAddress {
        guard let port, let number = UInt16(exactly: port) else { return self }
        return switch self {
        case .v4(let address, _): .v4(address, port: number)
        case .v6(let address, let zone, _): .v6(address, zone: zone, port: number)
        case .unix: self
        }
    }
}
