public import HansomTransport

/// A place where a server listens, and whether its peers speak TLS there.
///
///     listen(on: [.tcp(port: 80), .tcp(port: 443, tls: tls), .unix("/run/app.sock")], ...)
public struct Endpoint: Sendable, Hashable {
    enum Place: Sendable, Hashable {
        case tcp(host: String, port: Int)
        case unix(path: String)
        case descriptor(Int32)
    }

    let place: Place
    /// TLS with this certificate; `nil`: plain.
    public var tls: TLSServerOptions?

    /// A TCP port of this machine.
    ///
    /// - Parameters:
    ///   - host: a name or an address; default `127.0.0.1`. Of a name that has several addresses (`localhost`: often
    ///     `127.0.0.1` and `::1`) each is listened on. `::` is every address, IPv4 and IPv6.
    ///   - port: 0 lets the system choose one, the same for all addresses of a name.
    ///   - tls: TLS with this certificate; default: plain.
    public static func tcp(host: String = "127.0.0.1", port: Int, tls: TLSServerOptions? = nil) -> Endpoint {
        Endpoint(place: .tcp(host: host, port: port), tls: tls)
    }

    /// A Unix-domain socket.
    ///
    /// - Parameters:
    ///   - path: 1 to 107 bytes; a socket file that nobody listens on any more is replaced.
    ///   - tls: TLS with this certificate; default: plain.
    public static func unix(_ path: String, tls: TLSServerOptions? = nil) -> Endpoint {
        Endpoint(place: .unix(path: path), tls: tls)
    }

    /// A socket that is bound and listens already: inherited, or handed over by the process before. The server owns it
    /// from then on.
    public static func descriptor(_ descriptor: Int32, tls: TLSServerOptions? = nil) -> Endpoint {
        Endpoint(place: .descriptor(descriptor), tls: tls)
    }
}
