internal import Actors
internal import Glibc
internal import HansomTransport

/// An address that is this program's, while only its workers listen there.
///
/// The socket is bound and does not listen, so the kernel gives it no connections. It keeps the port when all workers are
/// gone for a moment, and makes port 0 a number before the first worker starts.
final class ReservedPort: Sendable {
    /// With the real port.
    let address: SocketAddress
    private let descriptor: Int32

    init(host: String, port: Int, on schedulers: SchedulerGroup) async throws {
        guard let number = UInt16(exactly: port) else { throw CommandFailure("port \(port); 0 to 65535 are allowed") }
        do {
            let addresses = try await Resolver.resolve(host, port: number, on: schedulers.blockingPool)
            (descriptor, address) = try ReservedPort.bind(addresses[0])
        } catch let error as Resolver.Failure {
            throw CommandFailure("cannot resolve \(host): \(error.reason)")
        }
    }

    deinit { Socket.close(descriptor) }

    private static func bind(_ address: SocketAddress) throws(CommandFailure) -> (Int32, SocketAddress) {
        do throws(SystemError) {
            let descriptor = try Socket.open(family: address.family)
            do throws(SystemError) {
                try prepare(descriptor, address)
            } catch {
                Socket.close(descriptor)
                throw error
            }
            return (descriptor, Socket.localAddress(descriptor) ?? address)
        } catch {
            throw failure(error, address)
        }
    }

    private static func prepare(_ descriptor: Int32, _ address: SocketAddress) throws(SystemError) {
        Socket.setOption(SO_REUSEADDR, level: SOL_SOCKET, of: descriptor, to: 1)
        if case .v6 = address { Socket.setOption(IPV6_V6ONLY, level: Int32(IPPROTO_IPV6), of: descriptor, to: 0) }
        try Socket.bind(descriptor, to: address)
        // The port is shared only from here on: one that others listen on already is an error, even if they share it,
        // since they would share the connections too.
        Socket.setOption(SO_REUSEPORT, level: SOL_SOCKET, of: descriptor, to: 1)
    }

    private static func failure(_ error: SystemError, _ address: SocketAddress) -> CommandFailure {
        switch error.errno {
        case EADDRINUSE: CommandFailure("\(address) is in use; stop who uses it, or choose another port")
        case EACCES, EPERM: CommandFailure("not allowed to listen on \(address); choose a port from 1024 on")
        default: CommandFailure("cannot listen on \(address): \(error)")
        }
    }
}
