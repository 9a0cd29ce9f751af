package import Glibc

/// TLS over another stream: what is written here leaves there encrypted.
///
/// The stream below keeps telling while it is readable, but what OpenSSL has already taken from it shows there no more.
/// So this stream tells its observer by itself, through deferred actions, as long as something is left inside.
package final class TLSStream: ByteStream {
    /// Runs an action once the present callbacks have returned, on the same thread, before the scheduler next sleeps.
    /// What is deferred while deferred actions run belongs to the next tick.
    package typealias Deferral = (@escaping () -> Void) -> Void

    package typealias HandshakeCompletion = (Result<TLSDetails, StreamError>) -> Void

    /// How far a connection has come.
    enum Phase {
        /// Before `handshake`.
        case idle
        case shakingHands(TLSSession, HandshakeCompletion)
        case open(TLSSession)
        /// The handshake failed, or there was never a session to begin it with.
        case failed(StreamError)
        case closed
    }

    /// How far the writing side has come.
    enum WriteSide {
        case open
        /// `close_notify` waits for room below.
        case closing
        case closed
        case failed(StreamError)
    }

    package weak var observer: (any StreamObserver)?

    /// What the handshake agreed on; `nil` before it.
    package internal(set) var details: TLSDetails?

    /// Whether the handshake failed before the peer had said anything: somebody who only looked whether a port is open.
    package internal(set) var isPeerSilent = false

    let lower: any ByteStream
    let context: TLSContext
    let host: String?
    let deferAction: Deferral

    var phase = Phase.idle
    var writeSide = WriteSide.open

    /// How reading ended, once it has: `.endOfStream` or `.failed`.
    var readEnd: StreamProgress?

    /// What the owner asked to hear.
    var wantsRead = false
    var wantsWrite = false

    /// Whether reading waits for room below, or writing for bytes from below: TLS has messages of its own.
    var readAwaitsRoom = false
    var writeAwaitsBytes = false

    /// Whether a read could succeed although the stream below is silent.
    var mayHoldMore = false

    /// Whether a deferred action is on its way.
    var isTellingLater = false

    /// How many bytes were in the write that found no room. Their record is made: they must come again, or none.
    var blockedCount = 0

    /// The client's end. `host` is asked for and looked for in the certificate, unless the options name another.
    package init(
        client context: TLSContext, host: String, over lower: any ByteStream, deferAction: @escaping Deferral
    ) {
        precondition(context.role == .client, "a context for servers cannot serve a client")
        self.context = context
        self.host = host
        self.lower = lower
        self.deferAction = deferAction
    }

    /// The server's end.
    package init(server context: TLSContext, over lower: any ByteStream, deferAction: @escaping Deferral) {
        precondition(context.role == .server, "a context for clients cannot serve a server")
        self.context = context
        self.host = nil
        self.lower = lower
        self.deferAction = deferAction
    }

    deinit {
        // Whoever lets go without closing keeps the stream below, but that must not tell an observer that is gone.
        switch phase {
        case .shakingHands, .open: lower.observer = nil
        case .idle, .failed, .closed: break
        }
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress {
        guard case .open(let session) = phase else { return progressWhenNotOpen }
        if let readEnd { return readEnd }
        if unsafe buffer.isEmpty { return .bytes(0) }
        let progress = unsafe read(from: session, into: buffer)
        updateInterest()
        tellLaterIfReadable()
        return progress
    }

    package func write(_ buffers: UnsafeBufferPointer<iovec>) -> StreamProgress {
        guard case .open(let session) = phase else { return progressWhenNotOpen }
        switch writeSide {
        case .failed(let error): return .failed(error)
        case .closing, .closed: return .failed(.system(call: "write", errno: EPIPE))
        case .open: break
        }
        let progress = unsafe write(buffers, to: session)
        updateInterest()
        return progress
    }

    package func setWantsRead(_ wanted: Bool) {
        wantsRead = wanted
        updateInterest()
        tellLaterIfReadable()
    }

    package func setWantsWrite(_ wanted: Bool) {
        wantsWrite = wanted
        updateInterest()
    }

    /// Sends `close_notify`, then ends the stream below.
    ///
    /// If the last write found no room and is not taken up again, `close_notify` is not sent: a record was cut off, and
    /// the peer shall see that.
    package func boundUnsent(to count: Int) { lower.boundUnsent(to: count) }

    package func closeWrite() {
        guard case .open(let session) = phase else {
            if case .closed = phase { return }
            return lower.closeWrite()
        }
        guard case .open = writeSide else { return }
        if blockedCount > 0 {
            writeSide = .closed
            lower.closeWrite()
        } else {
            writeSide = .closing
            finishClosing(session)
        }
        updateInterest()
    }

    package func close() {
        if case .closed = phase { return }
        phase = .closed
        observer = nil
        lower.observer = nil
        lower.close()
    }

    /// Tells the stream below what is needed of it now.
    func updateInterest() {
        guard case .open = phase else { return }
        lower.setWantsRead((wantsRead && readEnd == nil && !readAwaitsRoom) || writeAwaitsBytes)
        var wantsRoom = readAwaitsRoom
        switch writeSide {
        case .open: wantsRoom = wantsRoom || (wantsWrite && !writeAwaitsBytes)
        case .closing: wantsRoom = true
        case .closed, .failed: break
        }
        lower.setWantsWrite(wantsRoom)
    }

    /// Sees to it that the observer hears of what the stream below cannot tell of.
    func tellLaterIfReadable() {
        guard wantsRead, !isTellingLater, mayHoldMore || readEnd != nil, case .open = phase else { return }
        isTellingLater = true
        deferAction { self.tellReadable() }
    }

    private var progressWhenNotOpen: StreamProgress {
        switch phase {
        case .idle, .shakingHands, .open: .wouldBlock
        case .failed(let error): .failed(error)
        case .closed: .failed(.system(call: "TLS stream after close", errno: EBADF))
        }
    }

    private func tellReadable() {
        isTellingLater = false
        guard case .open = phase, wantsRead, mayHoldMore || readEnd != nil else { return }
        observer?.streamIsReadable()
        tellLaterIfReadable()
    }
}
