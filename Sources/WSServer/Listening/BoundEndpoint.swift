public import HansomTransport

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
