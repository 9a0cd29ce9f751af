package import Actors
internal import Glibc
package import HansomTransport

/// Reads and writes a stream with `await`, for the few steps before it carries a WebSocket: TLS and HTTP heads.
///
/// Confined to the stream's scheduler, like the stream; one task uses it.
@safe package final class StreamDriver: StreamObserver, @unchecked Sendable {
    // Safety (@unchecked Sendable): only the scheduler's thread touches it; the task that drives it runs there, as one
    // of its actors or by preference, and whoever aborts it does so there.
    package private(set) var stream: any ByteStream
    private let buffer: UnsafeMutableRawBufferPointer
    private var waiter: UnsafeContinuation<Void, Never>?
    /// Where the task waits in the place of `waiter`, if it may.
    private let gate: (gate: Gate, scheduler: Scheduler)?
    /// Whether somebody has told it something since it last asked to be told.
    private var wasTold = false
    private var failure: WebSocketError?
    /// Who is called in the place of a task that waits.
    private var onceTold: (() -> Void)?
    /// What a read came to that was made without a task, and is for one to find.
    private var found: StreamProgress?
    /// What was read when a write failed, and is to be read next.
    private var held: ArraySlice<UInt8> = []
    /// What went through, in bytes and in calls, since the task that drives it last waited here.
    private var (bytesOfTurn, callsOfTurn) = (0, 0)
    /// Which step the errors name.
    package var phase: WebSocketError.Phase
    /// Is told whenever bytes went through.
    package var onProgress: (() -> Void)?

    /// With as many bytes as a connection reads in a turn, or as many calls, it waits for the next turn: a peer that
    /// always has more to say, or takes whatever it is given, must not stop everybody else on the scheduler, nor the
    /// deadlines.
    private static let (mostBytesOfTurn, mostCallsOfTurn) = (TransportResources.readSize, 16)

    /// - Parameters:
    ///   - buffer: what reads go through; shared, since nothing in it outlives a call.
    ///   - scheduler: the stream's, where the task that drives it runs as one of the scheduler's actors, so that it can wait
    ///     at a gate; `nil`: it may run otherwise.
    package init(
        _ stream: any ByteStream, buffer: UnsafeMutableRawBufferPointer, phase: WebSocketError.Phase,
        asActorOf scheduler: Scheduler? = nil
    ) {
        self.stream = stream
        gate = scheduler.map { (Gate(), $0) }
        unsafe self.buffer = buffer
        self.phase = phase
        stream.observer = self
    }

    package func streamIsReadable() { wake() }
    package func streamIsWritable() { wake() }

    /// Whatever waits now, or would wait from now on, fails with `error`, and the stream is closed.
    package func abort(_ error: WebSocketError) {
        if failure != nil { return }
        failure = error
        stream.close()
        wake()
    }

    /// Reads what is there, waiting for something; empty at the end of the stream.
    ///
    /// - Parameter limit: no more bytes than that, at least 1; default: as many as there are.
    package func read(atMost limit: Int = .max) async throws(WebSocketError) -> [UInt8] {
        let buffer = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(limit))
        while true {
            try check()
            if !held.isEmpty { return takeHeld(atMost: limit) }
            // Streams tell of what can be read in every turn.
            if isTurnOver { await readable() }
            try check()
            switch unsafe found.take() ?? stream.read(into: buffer) {
            case .bytes(let count):
                wentThrough(count)
                return unsafe Array(buffer[..<count])
            case .wouldBlock: await readable()
            case .endOfStream: return []
            case .failed(let error): throw broken(error)
            }
        }
    }

    /// Writes all of `bytes`.
    package func write(_ bytes: [UInt8]) async throws(WebSocketError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            if isTurnOver { await writable() }
            try check()
            switch stream.write(rest.prefix(StreamDriver.mostBytesOfTurn)) {
            case .bytes(let count):
                wentThrough(count)
                rest = rest.dropFirst(count)
            case .wouldBlock: await writable()
            case .endOfStream: throw broken(.truncated)
            case .failed(let error): throw broken(error)
            }
        }
    }

    /// Writes all of a request. A peer that answers before it has all of it, with a refusal or a TLS alert, and then
    /// resets the connection, makes the write fail; but its answer has come, and says more than that.
    ///
    /// - Throws: what `write` does, unless an answer is there to be read; of TLS, what the peer's alert says.
    package func ask(_ bytes: [UInt8]) async throws(WebSocketError) {
        do {
            try await write(bytes)
        } catch {
            if failure != nil { throw error }
            switch unsafe stream.read(into: buffer) {
            case .bytes(let count):
                wentThrough(count)
                held = unsafe ArraySlice(buffer[..<count])
            case .failed(.tls(let reason)): throw broken(.tls(reason))
            case .failed, .wouldBlock, .endOfStream: throw error
            }
        }
    }

    // MARK: Without a task

    /// Calls `action`, once, when there is something to read, or with the end of the stream, or when it is aborted.
    /// Whoever waits so waits without a task; nobody else may wait meanwhile.
    package func whenTold(_ action: @escaping () -> Void) {
        onceTold = action
        stream.setWantsRead(true)
    }

    /// From here on a task waits.
    package func listenNoMore() {
        if failure == nil { stream.setWantsRead(false) }
    }

    /// Reads what is there; `nil`: it is for `read` to find out what there is, and to wait.
    package func readAtOnce() -> [UInt8]? {
        guard failure == nil, held.isEmpty, found == nil else { return nil }
        let progress = unsafe stream.read(into: buffer)
        guard case .bytes(let count) = progress else {
            if case .wouldBlock = progress { return nil }
            // An error is told once.
            found = progress
            return nil
        }
        wentThrough(count)
        return unsafe Array(buffer[..<count])
    }

    /// Writes what is taken at once.
    ///
    /// - Returns: the rest, which `write` is to write; it throws what went wrong here.
    package func writeAtOnce(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        guard failure == nil else { return bytes[...] }
        switch stream.write(bytes[...]) {
        case .bytes(let count):
            wentThrough(count)
            return bytes.dropFirst(count)
        case .wouldBlock: break
        case .endOfStream: failure = broken(.truncated)
        case .failed(let error): failure = broken(error)
        }
        return bytes[...]
    }

    private func takeHeld(atMost limit: Int) -> [UInt8] {
        let part = held.prefix(limit)
        held = part.count == held.count ? [] : held.dropFirst(part.count)
        return Array(part)
    }

    private func wentThrough(_ count: Int) {
        bytesOfTurn += count
        callsOfTurn += 1
        onProgress?()
    }

    private var isTurnOver: Bool {
        bytesOfTurn >= StreamDriver.mostBytesOfTurn || callsOfTurn >= StreamDriver.mostCallsOfTurn
    }

    /// Waits until the stream takes bytes: for a socket, until it is connected or has failed to be.
    package func waitUntilWritable() async throws(WebSocketError) {
        try check()
        await writable()
        try check()
    }

    /// Speaks TLS from here on: `stream` stands on the one driven so far, and its handshake is awaited.
    package func startTLS(_ tls: TLSStream) async throws(WebSocketError) -> TLSDetails {
        try check()
        phase = .tls
        stream = tls
        var result: Result<TLSDetails, StreamError>?
        tls.handshake { [self] in
            result = $0
            wake()
        }
        while true {
            wasTold = false
            if result != nil || failure != nil { break }
            await pause()
        }
        try check()
        tls.observer = self
        defer { phase = .handshake }
        switch result {
        case .success(let details): return details
        case .failure(let error): throw broken(error)
        case nil: throw broken(.truncated)
        }
    }

    /// Hands the stream on; the driver is of no more use.
    ///
    /// - Parameter keepsReading: whether who gets it is told of what can be read from the first, so that the kernel need
    ///   not be told twice.
    package func release(keepsReading: Bool = false) -> any ByteStream {
        assert(held.isEmpty && found == nil, "what was read belongs to whoever gets the stream")
        if !keepsReading { stream.setWantsRead(false) }
        stream.setWantsWrite(false)
        stream.observer = nil
        onProgress = nil
        return stream
    }

    private func check() throws(WebSocketError) {
        if let failure { throw failure }
    }

    private func readable() async {
        wasTold = false
        stream.setWantsRead(true)
        await pause()
        if failure == nil { stream.setWantsRead(false) }
    }

    private func writable() async {
        wasTold = false
        stream.setWantsWrite(true)
        await pause()
        if failure == nil { stream.setWantsWrite(false) }
    }

    private func pause() async {
        (bytesOfTurn, callsOfTurn) = (0, 0)
        if let gate {
            if failure == nil && !wasTold { await gate.gate.pass(on: gate.scheduler) }
            return
        }
        await unsafe withUnsafeContinuation { continuation in
            // What it waits for, or an abort, may have come on the way here: a task that prefers an executor changes jobs
            // to suspend, and the loop may do other things between two jobs.
            if failure != nil || wasTold { return unsafe continuation.resume() }
            unsafe waiter = continuation
        }
    }

    private func wake() {
        wasTold = true
        let waiter = unsafe waiter
        unsafe self.waiter = nil
        unsafe waiter?.resume()
        if let gate { gate.gate.open(on: gate.scheduler) }
        onceTold.take()?()
    }

    private func broken(_ error: StreamError) -> WebSocketError {
        if case .tls(let reason) = error { return WebSocketError(.tls, reason, phase: .tls) }
        let code: WebSocketError.Code = phase == .tls ? .tls : .connectionLost
        return WebSocketError(code, "the connection broke: \(error)", phase: phase)
    }
}

extension ByteStream {
    /// Writes one run of bytes.
    package func write(_ bytes: ArraySlice<UInt8>) -> StreamProgress {
        unsafe bytes.withUnsafeBytes { bytes in
            let base = unsafe UnsafeMutableRawPointer(mutating: bytes.baseAddress)
            var vector = unsafe iovec(iov_base: base, iov_len: bytes.count)
            return unsafe withUnsafePointer(to: &vector) { unsafe write(UnsafeBufferPointer(start: $0, count: 1)) }
        }
    }
}
