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
    let runHereLater: Deferral

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
        client context: TLSContext, host: String, over lower: any ByteStream, runHereLater: @escaping Deferral
    ) {
        precondition(context.role == .client, "a context for servers cannot serve a client")
        self.context = context
        self.host = host
        self.lower = lower
        self.runHereLater = runHereLater
    }

    /// The server's end.
    package init(server context: TLSContext, over lower: any ByteStream, runHereLater: @escaping Deferral) {
        precondition(context.role == .server, "a context for clients cannot serve a server")
        self.context = context
        self.host = nil
        self.lower = lower
        self.runHereLater = runHereLater
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
        runHereLater { self.tellReadable() }
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

/// Bytes through an open session.
extension TLSStream {
    /// The plain text that fits in one record (RFC 8446 section 5.1).
    private static let recordSize = 16 * 1024

    /// The most records that one read takes in: they may hold a byte each, and cost much more than a byte.
    static let recordsPerRead = 1024

    /// Reads until the buffer is full, nothing is left inside, or it was as much work as one read may be.
    func read(from session: TLSSession, into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress {
        var total = 0
        var records = 0
        readAwaitsRoom = false
        repeat {
            records += 1
            // Safety: `total` is less than the size of the buffer.
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[total...])
            switch unsafe session.read(into: rest) {
            case .done(let count):
                total += count
                mayHoldMore = session.holdsBytes
            case .wantsRead:
                // What is still inside is a part of a record: its rest will be told from below.
                mayHoldMore = false
                return total > 0 ? .bytes(total) : .wouldBlock
            case .wantsWrite:
                mayHoldMore = false
                readAwaitsRoom = true
                return total > 0 ? .bytes(total) : .wouldBlock
            case .closed: return end(.endOfStream, after: total)
            case .lost(let error): return end(.failed(error), after: total)
            case .broken(let failure):
                fail(writing: failure.error)
                return end(.failed(failure.error), after: total)
            }
        } while mayHoldMore && total < buffer.count && records < Self.recordsPerRead
        return .bytes(total)
    }

    /// Writes record by record until all is taken or there is no room.
    func write(_ buffers: UnsafeBufferPointer<iovec>, to session: TLSSession) -> StreamProgress {
        // Safety: the vectors and what they point at are good for the duration of the call, as the contract says.
        var source = unsafe VectorCursor(buffers)
        var total = 0
        while !source.isAtEnd {
            let outcome = unsafe source.withChunk(of: Self.recordSize) { chunk in
                assert(chunk.count >= blockedCount, "a blocked write must be offered again in full")
                let outcome = unsafe session.write(chunk)
                blockedCount = if case .done = outcome { 0 } else { chunk.count }
                return outcome
            }
            switch outcome {
            case .done(let count):
                total += count
                source.advance(by: count)
            case .wantsRead:
                writeAwaitsBytes = true
                return total > 0 ? .bytes(total) : .wouldBlock
            case .wantsWrite:
                return total > 0 ? .bytes(total) : .wouldBlock
            case .closed: return fail(writing: .truncated, after: total)
            case .lost(let error): return fail(writing: error, after: total)
            case .broken(let failure):
                readEnd = readEnd ?? .failed(failure.error)
                return fail(writing: failure.error, after: total)
            }
        }
        return .bytes(total)
    }

    /// Sends `close_notify` if there is room for it, and ends the stream below when it is out.
    func finishClosing(_ session: TLSSession) {
        switch session.shutdown() {
        case .wantsRead, .wantsWrite: return
        case .done, .closed, .lost, .broken:
            writeSide = .closed
            lower.closeWrite()
        }
    }

    /// Notes how reading ended; what was read before is handed out first.
    private func end(_ end: StreamProgress, after total: Int) -> StreamProgress {
        readEnd = end
        mayHoldMore = false
        return total > 0 ? .bytes(total) : end
    }

    @discardableResult
    private func fail(writing error: StreamError, after total: Int = 0) -> StreamProgress {
        writeSide = .failed(error)
        return total > 0 ? .bytes(total) : .failed(error)
    }
}

extension TLSStream {
    /// What a client that speaks plain HTTP is answered, as a stranger to TLS would not understand an alert.
    private static let plainHTTPAnswer = Array(
        ("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 44\r\n\r\n"
            + "This port speaks TLS: use https:// or wss://").utf8)

    /// Shakes hands; `completion` is called once, never before this returns, and not at all after `close()`.
    ///
    /// When it fails, an alert has been sent where there was room, and the stream below is ended for writing and no
    /// longer observed; it is the owner's to close.
    package func handshake(_ completion: @escaping (Result<TLSDetails, StreamError>) -> Void) {
        guard case .idle = phase else { preconditionFailure("a TLS stream shakes hands once") }
        do {
            phase = .shakingHands(try TLSSession(context, host: host, over: lower), completion)
            lower.observer = self
            runHereLater { self.stepHandshake() }
        } catch {
            phase = .failed(error)
            runHereLater {
                guard case .failed = self.phase else { return }
                completion(.failure(error))
            }
        }
    }

    /// Takes the handshake as far as it goes.
    func stepHandshake() {
        guard case .shakingHands(let session, let completion) = phase else { return }
        let outcome = session.handshake()
        isPeerSilent = session.hasHeardNothing
        switch outcome {
        case .done:
            let agreed = session.details()
            details = agreed
            phase = .open(session)
            // The peer's first data may have come in the same segment as the end of the handshake.
            mayHoldMore = session.holdsBytes
            updateInterest()
            completion(.success(agreed))
            tellLaterIfReadable()
        case .wantsRead:
            lower.setWantsWrite(false)
            lower.setWantsRead(true)
        case .wantsWrite:
            lower.setWantsRead(false)
            lower.setWantsWrite(true)
        case .closed: fail(.truncated, completion)
        case .lost(let error): fail(error, completion)
        case .broken(let failure):
            if failure.isPlainHTTP, context.role == .server { answerPlainHTTP() }
            fail(failure.error, completion)
        }
    }

    private func fail(_ error: StreamError, _ completion: HandshakeCompletion) {
        phase = .failed(error)
        lower.setWantsRead(false)
        lower.setWantsWrite(false)
        lower.observer = nil
        lower.closeWrite()
        completion(.failure(error))
    }

    private func answerPlainHTTP() {
        // Safety: the lower stream only reads the bytes, and only during the call.
        unsafe Self.plainHTTPAnswer.withUnsafeBytes { bytes in
            var vector = unsafe iovec(
                iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
            unsafe withUnsafePointer(to: &vector) { vector in
                _ = unsafe lower.write(UnsafeBufferPointer(start: vector, count: 1))
            }
        }
    }
}

/// What the stream below tells.
extension TLSStream: StreamObserver {
    package func streamIsReadable() {
        switch phase {
        case .shakingHands: return stepHandshake()
        case .idle, .failed, .closed: return
        case .open: break
        }
        if writeAwaitsBytes {
            writeAwaitsBytes = false
            updateInterest()
            if wantsWrite { observer?.streamIsWritable() }
        }
        guard case .open = phase, wantsRead else { return }
        observer?.streamIsReadable()
        tellLaterIfReadable()
    }

    package func streamIsWritable() {
        switch phase {
        case .shakingHands: return stepHandshake()
        case .idle, .failed, .closed: return
        case .open(let session):
            if case .closing = writeSide {
                finishClosing(session)
                updateInterest()
            }
        }
        if readAwaitsRoom {
            readAwaitsRoom = false
            updateInterest()
            if wantsRead { observer?.streamIsReadable() }
        }
        guard case .open = phase, case .open = writeSide, wantsWrite else { return }
        observer?.streamIsWritable()
    }
}
