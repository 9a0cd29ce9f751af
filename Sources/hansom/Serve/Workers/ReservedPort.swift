internal import Actors
internal import Glibc
internal import HansomTransport

/// A place that is this program's, while only its workers listen there.
///
/// Its sockets are bound and do not listen, so the kernel gives them no connections. They keep the port when all
/// workers are gone for a moment, and make port 0 a number before the first worker starts.
final class ReservedPort: Sendable {
    /// All addresses of the host's name, with the real port.
    let addresses: [SocketAddress]
    private let sockets: [ReservedSocket]

    init(host: String, port: Int, on schedulers: SchedulerGroup) async throws(CommandFailure) {
        guard let number = UInt16(exactly: port) else { throw CommandFailure("port \(port); 0 to 65535 are allowed") }
        let found: [SocketAddress]
        do {
            found = try await Resolver.resolve(host, port: number, on: schedulers.resolverPool)
        } catch {
            throw CommandFailure("cannot resolve \(host): \(error.reason)")
        }
        do throws(NameBinding.Failure) {
            sockets = try NameBinding.bind(toAll: found, bound: \.address) { address throws(SystemError) in
                try ReservedSocket(address)
            }
        } catch {
            throw ReservedPort.failure(error.error, error.address)
        }
        addresses = sockets.map(\.address)
    }

    private static func failure(_ error: SystemError, _ address: SocketAddress) -> CommandFailure {
        switch error.errno {
        case EADDRINUSE: CommandFailure("\(address) is in use; stop who uses it, or choose another port")
        case EACCES, EPERM: CommandFailure("not allowed to listen on \(address); choose a port from 1024 on")
        default: CommandFailure("cannot listen on \(address): \(error)")
        }
    }
}

/// A socket that is bound and does not listen; closed when nobody holds it any more.
private final class ReservedSocket: Sendable {
    /// With the real port.
    let address: SocketAddress
    private let descriptor: Int32

    init(_ address: SocketAddress) throws(SystemError) {
        let descriptor = try Socket.open(family: address.family)
        do throws(SystemError) {
            Socket.setOption(SO_REUSEADDR, level: SOL_SOCKET, of: descriptor, to: 1)
            if case .v6 = address { Socket.setOption(IPV6_V6ONLY, level: Int32(IPPROTO_IPV6), of: descriptor, to: 0) }
            try Socket.bind(descriptor, to: address)
        } catch {
            Socket.close(descriptor)
            throw error
        }
        // The port is shared only from here on: one that others listen on already is an error, even if they share it,
        // since they would share the connections too.
        Socket.setOption(SO_REUSEPORT, level: SOL_SOCKET, of: descriptor, to: 1)
        self.descriptor = descriptor
        self.address = Socket.localAddress(descriptor) ?? address
    }

    deinit { Socket.close(descriptor) }
}
