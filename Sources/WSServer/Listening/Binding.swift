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
        do throws(NameBinding.Failure) {
            return try NameBinding.bind(toAll: addresses, bound: \.address) { address throws(SystemError) in
                try ListeningSocket(address, options: socketOptions)
            }
        } catch {
            throw Binding.failure(error.error, error.address)
        }
    }

    private var socketOptions: ListeningSocket.Options {
        ListeningSocket.Options(
            backlog: Int32(clamping: options.backlog), reusePort: options.reusesPort, mode: options.unixSocketMode)
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
