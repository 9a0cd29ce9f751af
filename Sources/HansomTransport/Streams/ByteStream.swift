internal import Actors
package import Glibc

/// A full-duplex stream of bytes that never blocks: a socket, one end of an in-memory pipe, or TLS over either.
///
/// A stream belongs to one scheduler. Only that scheduler's thread calls it, and only there does it tell its observer
/// anything; so neither side needs a lock.
///
/// Readiness is *level-triggered*: while reads are wanted and something can still be read (bytes, the end, or an
/// error), the observer is told again on every turn. A reader may therefore stop whenever it likes.
package protocol ByteStream: AnyObject {
    /// Who is told of readiness. Not retained: the observer owns the stream, and clears this before it goes.
    var observer: (any StreamObserver)? { get set }

    /// Reads what is there, at most `buffer.count` bytes.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress

    /// Writes as much of `buffers`, in order, as the stream takes now.
    ///
    /// After a partial write or `.wouldBlock` the rest must be offered again later, beginning with the same bytes
    /// (they may have moved in memory); what the stream did not count it has not sent.
    func write(_ buffers: UnsafeBufferPointer<iovec>) -> StreamProgress

    /// Whether the observer is to hear `streamIsReadable`.
    func setWantsRead(_ wanted: Bool)

    /// Whether the observer is to hear `streamIsWritable`.
    func setWantsWrite(_ wanted: Bool)

    /// Says that nothing more will be written (FIN; under TLS `close_notify` first). Reading goes on.
    func closeWrite()

    /// Takes no more from a writer while about so many bytes have not left for the peer yet, so that a peer that takes
    /// nothing is soon seen to. A stream that holds little anyway does nothing.
    func boundUnsent(to count: Int)

    /// Releases everything at once. The observer hears nothing more. Harmless when repeated.
    func close()
}

extension ByteStream {
    package func boundUnsent(to count: Int) {}
}

/// Who is told that a stream can make progress.
package protocol StreamObserver: AnyObject {
    func streamIsReadable()
    func streamIsWritable()
}

/// What one attempt to read or write came to.
package enum StreamProgress: Sendable {
    /// So many bytes went through; at least 1 for a non-empty request.
    case bytes(Int)
    /// Nothing now; readiness will be told if it was asked for.
    case wouldBlock
    /// Reading only: the peer has finished, and under TLS said so with `close_notify`.
    case endOfStream
    /// The stream is of no further use.
    case failed(StreamError)
}

/// Why a stream broke.
package enum StreamError: Error, Sendable, Hashable {
    /// A system call failed: its name and `errno`.
    case system(call: StaticName, errno: Int32)
    /// TLS failed: which check or rule, in words.
    case tls(String)
    /// The other end vanished without an orderly end (TLS without `close_notify`, a pipe torn down).
    case truncated
}

extension StreamError: CustomStringConvertible {
    /// What happened, in words: it ends up in messages for people.
    package var description: String {
        switch self {
        case .system(let call, let errno): "\(SystemError(call: call.description, errno: errno))"
        case .tls(let reason): reason
        case .truncated: "the other end vanished"
        }
    }
}

/// The name of a system call, comparable without allocating.
package struct StaticName: Sendable, Hashable, CustomStringConvertible, ExpressibleByStringLiteral {
    package let text: StaticString

    package init(stringLiteral text: StaticString) { self.text = text }

    package var description: String { text.description }

    package static func == (a: Self, b: Self) -> Bool { a.description == b.description }

    package func hash(into hasher: inout Hasher) { hasher.combine(description) }
}

/// A stream that is used on trial: until `keep` is called it is its lender's, and closing it only lets go of it.
package protocol LentStream: ByteStream {
    func keep()
}
