internal import Glibc
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

extension Endpoint {
    /// The sockets that a service manager hands over, in its order: systemd's socket activation, by the variables
    /// `LISTEN_PID` and `LISTEN_FDS` (sd_listen_fds(3)).
    ///
    /// Such a socket outlives the program: whoever connects while one is replaced by the next waits, and is not
    /// refused.
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
