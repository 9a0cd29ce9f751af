internal import Actors
internal import Glibc
internal import HansomTransport

/// Takes connections from the listening sockets on one scheduler, and places each on the scheduler that has the fewest.
///
/// At the limit it stops watching the sockets, so that the kernel's backlog absorbs the load, and has handshakes
/// dropped that let the server wait. Out of descriptors it says so once and waits a moment; it never spins. It ends
/// when a socket is of no more use, with the error for its reason.
final class Acceptor: @unchecked Sendable {
    /// The system call; tests have one that fails.
    typealias Accept = @Sendable (Int32) throws(SystemError) -> (descriptor: Int32, peer: SocketAddress?)?

    // Safety: everything but the lets belongs to `scheduler`'s thread.
    private let number: Int
    private let scheduler: Scheduler
    private let load: ServerLoad
    private let supervisors: [ConnectionSupervisor]
    private let accept: Accept
    private var doors: [Door] = []
    private var retry: Alarm?
    private var identity: ProcessIdentity?
    private var isExhausted = false
    private var isStopped = false
    private var onBreakage: ((SystemError) -> Void)?
    /// While there is no room: looks again whether a handshake can go.
    private var search: Alarm?

    /// Connections taken in one turn, so that those that exist are served in between.
    private static let budget = 64
    /// How long to wait when the system has no descriptor or memory left.
    private static let pauseWhenExhausted = Duration.milliseconds(50)
    /// How often it looks for a handshake that can go, while none can.
    private static let searchPause = Duration.milliseconds(100)

    init(
        _ endpoints: [BoundEndpoint], on scheduler: Scheduler, _ load: ServerLoad,
        _ supervisors: [ConnectionSupervisor], accept: @escaping Accept
    ) {
        number = scheduler.index
        self.scheduler = scheduler
        self.load = load
        self.supervisors = supervisors
        self.accept = accept
        doors = endpoints.map { Door($0, self) }
    }

    /// Begins to accept. On its scheduler.
    ///
    /// - Parameters:
    ///   - identity: what reports call it.
    ///   - onBreakage: is called when a socket can accept no more: waiting would not help.
    func start(as identity: ProcessIdentity, onBreakage: @escaping (SystemError) -> Void) {
        self.identity = identity
        self.onBreakage = onBreakage
        // One that is closed already has nobody at its door.
        doors = doors.filter { $0.endpoint.listener.beginUse() }
        load.onRoom(for: number) { [self] in scheduler.runLater { [self] in open() } }
        open()
    }

    /// Accepts no more. On its scheduler.
    func stop() {
        guard !isStopped else { return }
        isStopped = true
        load.onRoom(for: number, nil)
        _ = load.exhaustionPassed(for: number)
        cancelRetry()
        cancelSearch()
        onBreakage = nil
        for door in doors {
            door.close(on: scheduler)
            door.endpoint.listener.endUse()
        }
        doors = []
        // Whom it was to let in, another may.
        load.wakeNext()
    }

    private func open() {
        guard !isStopped else { return }
        cancelRetry()
        cancelSearch()
        do throws(SystemError) {
            for door in doors { try door.open(on: scheduler) }
            // Whether it is over is found out by asking: of several acceptors another may be the one that is woken.
            if isExhausted, let door = doors.first { takeConnections(at: door) }
        } catch {
            meet(error)
        }
    }

    private func close() { for door in doors { door.close(on: scheduler) } }

    /// Somebody waits at a door.
    fileprivate func takeConnections(at door: Door) {
        for _ in 0..<Acceptor.budget {
            guard load.reserve(for: number) else {
                close()
                return seekRoom()
            }
            do throws(SystemError) {
                guard let (descriptor, peer) = try accept(door.endpoint.listener.descriptor) else {
                    load.giveBack()
                    return allTaken()
                }
                admit(descriptor, peer, door.endpoint.settings)
            } catch {
                load.giveBack()
                // The next one is a different connection.
                if AcceptFault(error.errno) != .ofConnection { return meet(error) }
            }
        }
    }

    private func admit(_ descriptor: Int32, _ peer: SocketAddress?, _ settings: ServerSettings) {
        guard load.admit(Acceptor.place(of: peer, load, settings)) else {
            // Not even an answer: whoever comes too often costs as little as can be.
            Socket.close(descriptor)
            return load.giveBack()
        }
        emptiest.adopt(descriptor, peer, settings)
    }

    /// For whom an accepted connection counts; `nil` where nobody is counted, or where a PROXY header is yet to say who
    /// it is.
    static func place(of peer: SocketAddress?, _ load: ServerLoad, _ settings: ServerSettings) -> PeerAddress? {
        load.countsPeers && settings.options.proxyProtocol.isEmpty ? PeerAddress(peer) : nil
    }

    /// Here, unless another scheduler has fewer connections.
    private var emptiest: ConnectionSupervisor {
        var best = supervisors[number]
        var fewest = best.occupancy
        for supervisor in supervisors where supervisor.occupancy < fewest {
            best = supervisor
            fewest = supervisor.occupancy
        }
        return best
    }

    // MARK: No room

    /// Has a handshake dropped that lets the server wait, if somebody waits here; and looks again later, as long as
    /// there are any. When there is room, `open` is called.
    private func seekRoom() {
        cancelSearch()
        guard !isStopped, load.handshakeCount > 0 else { return }
        let alarm = Alarm { [unowned self] in seekRoom() }
        search = alarm
        scheduler.arm(alarm, after: Acceptor.searchPause)
        guard doors.contains(where: { $0.endpoint.listener.isAwaited }), load.beginSeekingRoom() else { return }
        // Here first; connections are spread evenly, so the oldest here is about as old as any.
        let others = supervisors[(number + 1)...] + supervisors[..<number]
        supervisors[number].makeRoom(orAsk: others)
    }

    private func cancelSearch() {
        search.map { scheduler.disarm($0) }
        search = nil
    }

    // MARK: Out of descriptors

    private func meet(_ error: SystemError) {
        if AcceptFault(error.errno) == .exhaustion { return pause(error) }
        close()
        onBreakage?(error)
    }

    private func pause(_ error: SystemError) {
        close()
        if load.exhaustionMet(by: number) { report(error) }
        isExhausted = true
        let alarm = Alarm { [unowned self] in open() }
        retry = alarm
        scheduler.arm(alarm, after: Acceptor.pauseWhenExhausted)
    }

    private func allTaken() {
        guard isExhausted else { return }
        isExhausted = false
        if load.exhaustionPassed(for: number) { report(nil) }
    }

    private func report(_ error: SystemError?) {
        guard let identity else { return }
        scheduler.report(
            .exhaustion(ExhaustionReport(process: identity, error: error, pause: Acceptor.pauseWhenExhausted)))
    }

    private func cancelRetry() {
        retry.map { scheduler.disarm($0) }
        retry = nil
    }
}

/// One listening socket as one acceptor watches it.
private final class Door: DescriptorObserver {
    let endpoint: BoundEndpoint
    private unowned let acceptor: Acceptor
    private var watch: Watch?

    init(_ endpoint: BoundEndpoint, _ acceptor: Acceptor) {
        self.endpoint = endpoint
        self.acceptor = acceptor
    }

    func open(on scheduler: Scheduler) throws(SystemError) {
        guard watch == nil else { return }
        // Every acceptor watches it: for whoever comes, one is woken, not all.
        watch = try scheduler.watch(endpoint.listener.descriptor, interest: [.read, .exclusive], observer: self)
    }

    func close(on scheduler: Scheduler) {
        if let watch { scheduler.unwatch(watch) }
        watch = nil
    }

    func descriptorIsReady(_ readiness: Readiness) { acceptor.takeConnections(at: self) }
}

/// What an error of accept4(2), or of watching a listening socket, means for who meets it.
enum AcceptFault: Sendable {
    /// It was one connection's: the next one is a different one.
    case ofConnection
    /// The system has no descriptor or memory left for now: to wait helps.
    case exhaustion
    /// The socket is of no more use: to try again cannot help.
    case ofSocket

    init(_ errno: Int32) {
        switch errno {
        // The peer has gone before it was accepted.
        case ECONNABORTED, EPROTO: self = .ofConnection
        // "Linux accept() passes already-pending network errors on the new socket as an error code from accept(). For
        // reliable operation the application should detect the network errors defined for the protocol after accept()
        // and treat them like EAGAIN by retrying. In the case of TCP/IP, these are ..." (accept(2)). EPROTO is above;
        // ETIMEDOUT is one that "various Linux kernels can return".
        case ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, ETIMEDOUT:
            self = .ofConnection
        // "Firewall rules forbid connection": this one.
        case EPERM: self = .ofConnection
        // A signal came first, or another acceptor. `Socket.accept` heeds both already.
        case EINTR, EAGAIN: self = .ofConnection
        // The limit of this process, and that of the system.
        case EMFILE, ENFILE: self = .exhaustion
        // "Not enough free memory": often for the socket's buffers. Of epoll_ctl(2) ENOSPC is its limit of watches.
        case ENOBUFS, ENOMEM, ENOSPC: self = .exhaustion
        // EBADF, EINVAL, ENOTSOCK, and whatever nobody has thought of.
        default: self = .ofSocket
        }
    }
}

/// A time in which the system has no descriptor or memory for another connection, as a value: told once when it begins
/// and once when it is over, however many acceptors run into it and however often.
struct Exhaustion: Sendable {
    private var troubled: Set<Int> = []

    /// An acceptor could not accept.
    ///
    /// - Returns: whether that is news.
    mutating func met(by acceptor: Int) -> Bool {
        let isNews = troubled.isEmpty
        troubled.insert(acceptor)
        return isNews
    }

    /// An acceptor has taken all that waited, or is there no more.
    ///
    /// - Returns: whether the trouble is over with that.
    mutating func passed(for acceptor: Int) -> Bool { troubled.remove(acceptor) != nil && troubled.isEmpty }
}
