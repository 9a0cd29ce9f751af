internal import Actors
internal import Glibc
internal import HansomTransport
internal import WSConnection

/// Takes connections from a listening socket and places them on the schedulers in turn.
///
/// At the limit it stops watching the socket, so that the kernel's backlog absorbs the load. Out of descriptors it
/// waits a moment; it never spins and never dies.
final class Acceptor: DescriptorObserver, @unchecked Sendable {
    // Safety: everything but the lets belongs to `scheduler`'s thread.
    private let listener: ListeningSocket
    private let scheduler: Scheduler
    private let load: ServerLoad
    private let supervisors: [ConnectionSupervisor]
    private var turn = 0
    private var watch: Watch?
    private var retry: Alarm?
    private var isStopped = false

    /// Connections taken in one turn, so that those that exist are served in between.
    private static let budget = 64
    /// How long to wait when the system has no descriptor or memory left.
    private static let pauseWhenExhausted = Duration.milliseconds(50)

    init(
        _ listener: ListeningSocket, on scheduler: Scheduler, _ load: ServerLoad,
        _ supervisors: [ConnectionSupervisor]
    ) {
        self.listener = listener
        self.scheduler = scheduler
        self.load = load
        self.supervisors = supervisors
    }

    /// Begins to accept. On its scheduler.
    func start() {
        load.onRoom { [self] in scheduler.runLater { [self] in resume() } }
        resume()
    }

    private func resume() {
        guard !isStopped, watch == nil else { return }
        retry.map { scheduler.disarm($0) }
        retry = nil
        do {
            watch = try scheduler.watch(listener.descriptor, interest: .read, observer: self)
        } catch {
            pause()
        }
    }

    /// Accepts no more. On its scheduler.
    func stop() {
        guard !isStopped else { return }
        isStopped = true
        load.onRoom(nil)
        retry.map { scheduler.disarm($0) }
        retry = nil
        suspend()
    }

    func descriptorIsReady(_ readiness: Readiness) {
        for _ in 0..<Acceptor.budget {
            guard load.hasRoom() else { return suspend() }
            do {
                guard let (descriptor, peer) = try Socket.accept(listener.descriptor) else { return }
                load.handshakeBegan()
                supervisors[turn % supervisors.count].adopt(descriptor, peer)
                turn &+= 1
            } catch {
                if !Acceptor.isTransient(error.errno) { return pause() }
            }
        }
    }

    private func suspend() {
        if let watch { scheduler.unwatch(watch) }
        watch = nil
    }

    private func pause() {
        suspend()
        let alarm = Alarm { [unowned self] in
            retry = nil
            resume()
        }
        retry = alarm
        scheduler.arm(alarm, after: Acceptor.pauseWhenExhausted)
    }

    /// Errors of one connection that ended before it was accepted, which accept4(2) reports as its own: the next one
    /// is a different connection.
    private static func isTransient(_ error: Int32) -> Bool {
        switch error {
        case EINTR, ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP,
            ENETUNREACH, EPERM:
            true
        default: false
        }
    }
}
