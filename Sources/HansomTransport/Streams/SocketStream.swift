package import Actors
package import Glibc

/// A connected socket, TCP or Unix-domain, as a byte stream of one scheduler.
package final class SocketStream: LentStream, DescriptorObserver {
    // Safety: whoever observes clears this before it goes (see `ByteStream.observer`).
    @exclusivity(unchecked) private unowned(unsafe) var unownedObserver: (any StreamObserver)?
    private let scheduler: Scheduler
    private let descriptor: Int32
    @safe @exclusivity(unchecked) private var watch: Watch?
    @safe @exclusivity(unchecked) private var interest: Readiness = []
    @safe @exclusivity(unchecked) private var isOpen = true
    /// Whether anything was ever read, or since this was last made false.
    @safe @exclusivity(unchecked) package var hasReceived = false
    @safe @exclusivity(unchecked) private var watchFailure: SystemError?
    /// The flags of a descriptor that is still its lender's: closing gives it back as it was.
    private var lentFlags: Int32?

    /// Takes over a connected, non-blocking descriptor. Call it on `scheduler`.
    package init(descriptor: Int32, scheduler: Scheduler) {
        self.descriptor = descriptor
        self.scheduler = scheduler
    }

    /// Uses a connected descriptor that stays its lender's until `keep` is called: `close` only lets go of it.
    package convenience init(borrowing descriptor: Int32, scheduler: Scheduler) throws(SystemError) {
        try Socket.checkIsStream(descriptor)
        self.init(descriptor: descriptor, scheduler: scheduler)
        lentFlags = fcntl(descriptor, F_GETFL)
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    /// Makes a borrowed descriptor its own.
    package func keep() {
        guard lentFlags != nil else { return }
        lentFlags = nil
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    deinit {
        if isOpen { close() }
    }

    package var observer: (any StreamObserver)? {
        get { unsafe unownedObserver }
        set { unsafe unownedObserver = newValue }
    }

    /// `nil` once it is closed: the descriptor may be another's by then.
    package var localAddress: SocketAddress? { isOpen ? Socket.localAddress(descriptor) : nil }
    /// `nil` once it is closed.
    package var peerAddress: SocketAddress? { isOpen ? Socket.peerAddress(descriptor) : nil }

    /// Whether something has come that was not read yet.
    package var hasUnread: Bool {
        var byte: UInt8 = 0
        // Safety: one byte, which lives as long as the call.
        return unsafe isOpen && recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) > 0
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress {
        guard isOpen else { return .failed(.truncated) }
        if let watchFailure { return .failed(.system(call: "epoll_ctl", errno: watchFailure.errno)) }
        // A read of nothing returns nothing, which would look like the end.
        if unsafe buffer.isEmpty { return .bytes(0) }
        while true {
            let count = unsafe recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 {
                hasReceived = true
                return .bytes(count)
            }
            if count == 0 { return .endOfStream }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .wouldBlock
            default: return .failed(.system(call: "recv", errno: errno))
            }
        }
    }

    package func write(_ buffers: UnsafeBufferPointer<iovec>) -> StreamProgress {
        guard isOpen else { return .failed(.truncated) }
        if let watchFailure { return .failed(.system(call: "epoll_ctl", errno: watchFailure.errno)) }
        while true {
            let count = unsafe send(buffers)
            if count >= 0 { return .bytes(count) }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .wouldBlock
            default: return .failed(.system(call: "send", errno: errno))
            }
        }
    }

    /// How many buffers one call takes (`UIO_MAXIOV`); with more it fails.
    private static let mostBuffers = 1024

    /// One system call, and never a SIGPIPE.
    private func send(_ buffers: UnsafeBufferPointer<iovec>) -> Int {
        if buffers.count == 1 {
            return unsafe Glibc.send(descriptor, buffers[0].iov_base, buffers[0].iov_len, Int32(MSG_NOSIGNAL))
        }
        var message = unsafe msghdr()
        unsafe message.msg_iov = UnsafeMutablePointer(mutating: buffers.baseAddress)
        unsafe message.msg_iovlen = min(buffers.count, SocketStream.mostBuffers)
        return unsafe sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
    }

    package func setWantsRead(_ wanted: Bool) { want(.read, wanted) }

    package func setWantsWrite(_ wanted: Bool) { want(.write, wanted) }

    /// Begins to connect a new socket; it becomes writable when it is known what came of that.
    package func connect(
        to address: SocketAddress, options: SocketOptions
    ) throws(SystemError) -> Socket.Connecting {
        if !address.isUnix { try options.apply(to: descriptor) }
        return try Socket.connect(descriptor, to: address)
    }

    /// What became of the connection attempt that made the socket writable: throws if it failed.
    package func checkConnected() throws(SystemError) {
        guard isOpen else { throw SystemError(call: "connect", errno: EBADF) }
        do throws(SystemError) {
            try Socket.checkConnected(descriptor)
        } catch {
            // It was connected, and is reset already. What the peer said before that can still be read.
            guard error.errno == ECONNRESET, holdsBytes else { throw error }
        }
    }

    private var holdsBytes: Bool {
        var byte: UInt8 = 0
        // Safety: one byte is written, during the call.
        return unsafe recv(descriptor, &byte, 1, Int32(MSG_PEEK)) > 0
    }

    package func closeWrite() {
        if isOpen, lentFlags == nil { _ = Glibc.shutdown(descriptor, Int32(SHUT_WR)) }
    }

    package func boundUnsent(to count: Int) {
        guard isOpen else { return }
        Socket.boundUnsent(descriptor, to: count)
    }

    package func close() {
        guard isOpen else { return }
        isOpen = false
        observer = nil
        unwatch()
        if let lentFlags {
            _ = fcntl(descriptor, F_SETFL, lentFlags)
        } else {
            Socket.close(descriptor)
        }
    }

    /// Makes the close a reset: what was not read or not sent is thrown away.
    package func reset() {
        guard isOpen else { return }
        var option = linger(l_onoff: 1, l_linger: 0)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    package func descriptorIsReady(_ readiness: Readiness) {
        let hungUp = readiness.contains(.hangUp)
        if interest.isEmpty {
            // The kernel tells of a hang-up unasked, turn after turn: stop watching until somebody asks.
            if hungUp { unwatch() }
            return
        }
        tell(readable: hungUp || readiness.contains(.read), writable: hungUp || readiness.contains(.write))
    }

    private func tell(readable: Bool, writable: Bool) {
        if interest.contains(.read), readable { observer?.streamIsReadable() }
        if interest.contains(.write), writable { observer?.streamIsWritable() }
    }

    private func want(_ what: Readiness, _ wanted: Bool) {
        guard isOpen, interest.contains(what) != wanted else { return }
        if wanted { interest.insert(what) } else { interest.remove(what) }
        do {
            if let watch {
                try scheduler.setInterest(interest, of: watch)
            } else if !interest.isEmpty {
                watch = try scheduler.watch(descriptor, interest: interest, observer: self)
            }
        } catch {
            // The stream is of no use without readiness: whoever waits finds out by reading or writing.
            watchFailure = error
            scheduler.runHereLater { [self] in tell(readable: true, writable: true) }
        }
    }

    private func unwatch() {
        if let watch { scheduler.unwatch(watch) }
        watch = nil
    }
}
