package import Glibc

/// TLS over another stream: what is written here leaves there encrypted.
package final class TLSStream: ByteStream {
    /// Runs an action once the present callbacks have returned, on the same thread, before the scheduler next sleeps.
    /// What is deferred while deferred actions run belongs to the next tick.
    package typealias Deferral = (@escaping () -> Void) -> Void

    package weak var observer: (any StreamObserver)?

    /// What the handshake agreed on; `nil` before it.
    package private(set) var details: TLSDetails?

    /// The client's end. `host` is asked for and looked for in the certificate, unless the options name another.
    package init(client context: TLSContext, host: String, over lower: any ByteStream, deferAction: @escaping Deferral) {}

    /// The server's end.
    package init(server context: TLSContext, over lower: any ByteStream, deferAction: @escaping Deferral) {}

    /// Shakes hands; `completion` is called once, never before this returns, and not at all after `close()`.
    package func handshake(_ completion: @escaping (Result<TLSDetails, StreamError>) -> Void) {}

    package func read(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress { .wouldBlock }

    package func write(_ buffers: UnsafeBufferPointer<iovec>) -> StreamProgress { .wouldBlock }

    package func setWantsRead(_ wanted: Bool) {}

    package func setWantsWrite(_ wanted: Bool) {}

    package func closeWrite() {}

    package func close() {}
}
