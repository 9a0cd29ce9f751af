package import Actors
internal import CHansomSystem
internal import Glibc

/// What a TCP socket is told before it connects.
public struct SocketOptions: Sendable, Hashable {
    /// The address of this machine to connect from; port 0: any. Default: the system's choice.
    public var localAddress: SocketAddress? = nil
    /// Whether small writes leave at once (`TCP_NODELAY`). Default: they do.
    public var noDelay = true
    /// After how long a silence the kernel asks whether the peer is there (`SO_KEEPALIVE`), in whole seconds; it asks as
    /// often again, and gives up after three questions. Default: never. WebSocket pings see more: they ask the program.
    public var keepAlive: Duration? = nil
    /// Bytes of the kernel's send buffer (`SO_SNDBUF`, which Linux doubles). Default: the kernel adapts it.
    public var sendBuffer: Int? = nil
    /// Bytes of the kernel's receive buffer (`SO_RCVBUF`, which Linux doubles). Default: the kernel adapts it.
    public var receiveBuffer: Int? = nil

    public init() {}

    /// Tells `descriptor`, a TCP socket that is not connected yet.
    package func apply(to descriptor: Int32) throws(SystemError) {
        if noDelay { Socket.setNoDelay(descriptor) }
        if let keepAlive { SocketOptions.keepAlive(descriptor, after: keepAlive) }
        if let sendBuffer {
            Socket.setOption(SO_SNDBUF, level: SOL_SOCKET, of: descriptor, to: Int32(clamping: sendBuffer))
        }
        if let receiveBuffer {
            Socket.setOption(SO_RCVBUF, level: SOL_SOCKET, of: descriptor, to: Int32(clamping: receiveBuffer))
        }
        guard let localAddress else { return }
        // Bound by address alone, the port is chosen when it is known where to: one port then serves many peers.
        if localAddress.port == 0 {
            Socket.setOption(IP_BIND_ADDRESS_NO_PORT, level: Int32(IPPROTO_IP), of: descriptor, to: 1)
        }
        try Socket.bind(descriptor, to: localAddress)
    }

    private static func keepAlive(_ descriptor: Int32, after silence: Duration) {
        let seconds = Int32(clamping: max(silence.components.seconds, 1))
        Socket.setOption(SO_KEEPALIVE, level: SOL_SOCKET, of: descriptor, to: 1)
        for (name, value) in [(TCP_KEEPIDLE, seconds), (TCP_KEEPINTVL, seconds), (TCP_KEEPCNT, 3)] {
            Socket.setOption(name, level: Int32(IPPROTO_TCP), of: descriptor, to: value)
        }
    }
}
