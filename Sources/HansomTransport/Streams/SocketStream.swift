package import Actors
package import Glibc

/// A connected socket, TCP or Unix-domain, as a byte stream of one scheduler.
package final class SocketStream: ByteStream, DescriptorObserver {
    // Safety: whoever observes clears this before it goes (see `ByteStream.observer`).
    private unowned(unsafe) var unownedObserver: (any StreamObserver)?
    private let scheduler: Scheduler
    private let descriptor: Int32
    private var watch: Watch?
    private var interest: Readiness = []
    private var isOpen = true
    private var watchFailure: SystemError?

    /// Takes over a connected, non-blocking descriptor. Call it on `scheduler`.
    package init(descriptor: Int32, scheduler: Scheduler) {
        self.descriptor = descriptor
        self.scheduler = scheduler
    }

    deinit {
        if isOpen { close() }
    }

    package var observer: (any StreamObserver)? {
        get { unsafe unownedObserver }
        set { unsafe unownedObserver = newValue }
    }

    package var localAddress: SocketAddress? { Socket.localAddress(descriptor) }
    package var peerAddress: SocketAddress? { Socket.peerAddress(descriptor) }

    package func read(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress {
        guard isOpen else { return .failed(.truncated) }
        if let watchFailure { return .failed(.system(call: "epoll_ctl", errno: watchFailure.errno)) }
        while true {
            let count = unsafe recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .bytes(count) }
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

    /// One system call, and never a SIGPIPE.
    private func send(_ buffers: UnsafeBufferPointer<iovec>) -> Int {
        if buffers.count == 1 {
            return unsafe Glibc.send(descriptor, buffers[0].iov_base, buffers[0].iov_len, Int32(MSG_NOSIGNAL))
        }
        var message = unsafe msghdr()
        unsafe message.msg_iov = UnsafeMutablePointer(mutating: buffers.baseAddress)
        unsafe message.msg_iovlen = buffers.count
        return unsafe sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
    }

    package func setWantsRead(_ wanted: Bool) { want(.read, wanted) }

    package func setWantsWrite(_ wanted: Bool) { want(.write, wanted) }

    /// What became of the connection attempt that made the socket writable: throws if it failed.
    package func checkConnected() throws(SystemError) { try Socket.checkConnected(descriptor) }

    package func closeWrite() {
        if isOpen { _ = Glibc.shutdown(descriptor, Int32(SHUT_WR)) }
    }

    package func close() {
        guard isOpen else { return }
        isOpen = false
        observer = nil
        unwatch()
        Socket.close(descriptor)
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
        if interest.contains(.read), hungUp || readiness.contains(.read) { observer?.streamIsReadable() }
        if interest.contains(.write), hungUp || readiness.contains(.write) { observer?.streamIsWritable() }
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
            watchFailure = error
            scheduler.deferAction { [self] in observer?.streamIsReadable() }
        }
    }

    private func unwatch() {
        if let watch { scheduler.unwatch(watch) }
        watch = nil
    }
}
