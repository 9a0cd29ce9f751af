package import HansomTransport

/// What went over the wire in an opening handshake, for whoever wants to show it.
package enum HandshakeStep: Sendable {
    /// The request, as it is about to be sent: to whom, and over which TLS.
    case request([UInt8], to: SocketAddress?, TLSDetails?)
    /// The head of the answer, as it came.
    case answer([UInt8])
}
