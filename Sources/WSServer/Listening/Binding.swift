internal import Actors
internal import Glibc
public import HansomTransport
internal import WSConnection

/// Opens the sockets that a server is to listen on: all of them, or none.
struct Binding {
    private let options: ServerOptions
    private let resources: ResourceMap
    private let load: ServerLoad
    private var bound: [BoundEndpoint] = []

    /// How often another port is tried when one that the system chose for the first address of a name is taken at the next.
    private static let portAttempts = 8

    private init(_ options: ServerOptions, _ resources: ResourceMap, _ load: ServerLoad) {
        self.options = options
        self.resources = resources
        self.load = load
    }

    static func bind(
        _ endpoints: [Endpoint], _ options: ServerOptions, _ resources: ResourceMap, _ load: ServerLoad
    ) async throws(WebSocketError) -> [BoundEndpoint] {
        guard !endpoints.isEmpty else {
            throw WebSocketError(.invalidConfiguration, "no endpoint; at least one is needed to listen on")
        }
        var binding = Binding(options, resources, load)
        do throws(WebSocketError) {
            for (number, endpoint) in endpoints.enumerated() { try await binding.bind(endpoint, number) }
        } catch {
            // Also one that was inherited: it was given to this server.
            for endpoint in binding.bound { endpoint.listener.close() }
            throw error
        }
        return binding.bound
    }

    private mutating func bind(_ endpoint: Endpoint, _ number: Int) async throws(WebSocketError) {
        // Whatever can be wrong with it is found before its port is taken.
        let settings = try ServerSettings(options, resources, tls: endpoint.tls, load)
        let listeners: [ListeningSocket]
        switch endpoint.place {
        case .tcp(let host, let port): listeners = try await listen(host, port)
        case .unix(let path): listeners = [try listen(unix: path)]
        case .descriptor(let descriptor): listeners = [try listen(inherited: descriptor)]
        }
        bound += listeners.map { BoundEndpoint(number: number, listener: $0, settings: settings) }
    }

    // MARK: TCP

    private func listen(_ host: String, _ port: Int) async throws(WebSocketError) -> [ListeningSocket] {
        guard let number = UInt16(exactly: port) else {
            throw WebSocketError(.invalidConfiguration, "port \(port); 0 to 65535 are allowed")
        }
        let addresses: [SocketAddress]
        do {
            addresses = try await Resolver.resolve(host, port: number, on: options.schedulers.resolverPool)
        } catch {
            throw WebSocketError(.resolution, "cannot resolve \(host): \(error.reason)", phase: .resolution)
        }
        for _ in 1..<Binding.portAttempts {
            do throws(WebSocketError) {
                return try listen(all: addresses)
            } catch {
                guard port == 0, error.code == .addressInUse else { throw error }
            }
        }
        return try listen(all: addresses)
    }

    /// Listens on all addresses of a name, and on one port if it is for the system to choose.
    private func listen(all addresses: [SocketAddress]) throws(WebSocketError) -> [ListeningSocket] {
        var listeners: [ListeningSocket] = []
        var missing: WebSocketError?
        for var address in addresses {
            if let port = listeners.first?.address.port { address = address.with(port: UInt16(port)) }
            guard !listeners.contains(where: { $0.address == address }) else { continue }
            do throws(SystemError) {
                listeners.append(try ListeningSocket(address, options: socketOptions))
            } catch {
                let failure = Binding.failure(error, address)
                // A name may have addresses that this machine has not: `localhost` without IPv6.
                guard error.errno == EADDRNOTAVAIL || error.errno == EAFNOSUPPORT else { throw failure }
                missing = failure
            }
        }
        guard listeners.isEmpty, let missing else { return listeners }
        throw missing
    }

    private var socketOptions: ListeningSocket.Options {
        ListeningSocket.Options(backlog: Int32(clamping: options.backlog), reusePort: options.reusesPort, mode: options.unixSocketMode)
    }

    // MARK: Other places

    private func listen(unix path: String) throws(WebSocketError) -> ListeningSocket {
        guard !path.isEmpty, path.utf8.count <= SocketAddress.longestUnixPath else {
            throw WebSocketError(
                .invalidConfiguration,
                "Unix socket path of \(path.utf8.count) bytes; 1 to \(SocketAddress.longestUnixPath) are allowed")
        }
        do {
            return try ListeningSocket(.unix(path: path), options: socketOptions)
        } catch {
            throw Binding.failure(error, .unix(path: path))
        }
    }

    private func listen(inherited descriptor: Int32) throws(WebSocketError) -> ListeningSocket {
        do {
            return try ListeningSocket(inherited: descriptor)
        } catch {
            throw WebSocketError(
                .invalidConfiguration, "descriptor \(descriptor) is no socket that listens: \(error)")
        }
    }

    private static func failure(_ error: SystemError, _ address: SocketAddress) -> WebSocketError {
        switch error.errno {
        case EADDRINUSE:
            WebSocketError(
                .addressInUse,
                "\(address) is in use; stop who uses it, or choose another \(address.isUnix ? "path" : "port")")
        case EACCES, EPERM:
            WebSocketError(
                .accessDenied,
                "not allowed to listen on \(address); choose \(address.isUnix ? "another directory" : "a port from 1024 on")"
            )
        default:
            WebSocketError(.system, "cannot listen on \(address): \(error)")
        }
    }
}

extension SocketAddress {
    fileprivate func with(port: UInt16) -> SocketAddress {
        switch self {
        case .v4(let address, _): .v4(address, port: port)
        case .v6(let address, let zone, _): .v6(address, zone: zone, port: port)
        case .unix: self
        }
    }
}

/// A place where a server listens now.
public struct BoundEndpoint: Sendable {
    /// The bound address, with the real port.
    public var address: SocketAddress { listener.address }
    /// Whether peers are to speak TLS.
    public var isSecure: Bool { settings.tls != nil }
    /// The listening socket, to be handed to the next process: see `WebSocketServer.listeningDescriptors`.
    public var descriptor: Int32 { listener.descriptor }

    /// Which of the endpoints that the server was given it belongs to.
    package let number: Int

    let listener: ListeningSocket
    let settings: ServerSettings
}
