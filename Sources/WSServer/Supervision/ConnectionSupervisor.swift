internal import Actors
internal import HansomTransport
internal import Synchronization
internal import WSConnection

/// Brings the connections of one scheduler from the accepted socket into the tree of supervisors, and ends them in good
/// order: what happens to one touches no other.
actor ConnectionSupervisor {
    nonisolated let scheduler: Scheduler
    let load: ServerLoad
    let drain: DrainOptions
    /// Under which each connection of this scheduler stands, from its handshake to its end.
    private let pool: RunningDynamicSupervisor
    /// The processes that were the pool here, as far as connections have them for a parent.
    private var parents: [UInt64] = []
    private nonisolated let places = Atomic<Int>(0)
    /// By numbers that grow.
    var httpConnections: [UInt64: HTTPConnection] = [:]
    private var lastNumber: UInt64 = 0
    private var queue = HandshakeQueue()
    nonisolated let books: Bookkeeper
    private var connectionCount = 0
    var end = End.none
    private var whenEmpty: [CheckedContinuation<Void, Never>] = []

    /// How far the end of all connections is.
    enum End {
        case none
        /// Who comes is told goodbye.
        case draining
        /// Who comes is dropped.
        case forced
    }

    init(on scheduler: Scheduler, _ load: ServerLoad, _ drain: DrainOptions, _ pool: RunningDynamicSupervisor) {
        self.scheduler = scheduler
        self.load = load
        self.drain = drain
        self.pool = pool
        books = Bookkeeper(on: scheduler, load.reports)
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe scheduler.asUnownedSerialExecutor() }

    /// How many connections there are, WebSockets and those before that, or are on their way here. From any thread.
    nonisolated var occupancy: Int { places.load(ordering: .relaxed) }

    /// Takes over an accepted descriptor, for which a place is reserved. From any thread.
    nonisolated func adopt(_ descriptor: Int32, _ peer: SocketAddress?, _ settings: ServerSettings) {
        places.wrappingAdd(1, ordering: .relaxed)
        if scheduler.isCurrent { return onOwnThread { $0.begin(descriptor, peer, settings) } }
        scheduler.run { [self] in onOwnThread { $0.begin(descriptor, peer, settings) } }
    }

    private func begin(_ descriptor: Int32, _ peer: SocketAddress?, _ settings: ServerSettings) {
        if peer?.isUnix != true { Socket.setNoDelay(descriptor) }
        let stream = SocketStream(descriptor: descriptor, scheduler: scheduler)
        let place = Acceptor.place(of: peer, load, settings)
        guard mayShakeHands else {
            stream.close()
            return httpEnded(place, wasKept: false)
        }
        let http = HTTPConnection(
            stream, peer: peer, local: stream.localAddress, place: place, on: scheduler, settings, books)
        let number = register(http)
        let isWaiting = http.waitsWithoutTask { [self] in onOwnThread { $0.proceed(http, number) } }
        if !isWaiting { carryOn(http, number) }
    }

    /// Something has come of it, or it is dropped.
    private func proceed(_ http: HTTPConnection, _ number: UInt64) {
        if let connection = http.proceedAtOnce() { return httpIsOver(http, number, connection) }
        http.listenNoMore()
        carryOn(http, number)
    }

    private func carryOn(_ http: HTTPConnection, _ number: UInt64) {
        Task { await self.carryThrough(http, number) }
    }

    private func register(_ http: HTTPConnection) -> UInt64 {
        lastNumber += 1
        httpConnections[lastNumber] = http
        queue.append(lastNumber, at: scheduler.time.nanoseconds, living: httpConnections.count) { [httpConnections] in
            httpConnections[$0]?.standing ?? .gone
        }
        return lastNumber
    }

    /// What is said before a WebSocket has a task of its own, whose memory is gone when the handler begins to wait.
    private func carryThrough(_ http: HTTPConnection, _ number: UInt64) async {
        httpIsOver(http, number, await http.run())
    }

    private func httpIsOver(_ http: HTTPConnection, _ number: UInt64, _ connection: WebSocket?) {
        httpConnections[number] = nil
        if http.isDisplaced { load.endSeekingRoom() }
        if let connection {
            load.connectionBegan(wasKept: http.isKept)
            hold(connection, http.place)
        } else {
            httpEnded(http.place, wasKept: http.isKept)
        }
        checkEmpty()
    }

    private func hold(_ connection: WebSocket, _ place: PeerAddress?) {
        connectionCount += 1
        // The core holds this closure, and with it the connection, until its end.
        if let place {
            connection.core.addObserver { [self] _ in
                onOwnThread { $0.connectionEnded(connection, place) }
            }
        } else {
            // Without the place, which most servers have no use for, it is smaller.
            connection.core.addObserver { [self] _ in
                onOwnThread { $0.connectionEnded(connection, nil) }
            }
        }
        remember(pool.adopt(connection.pid))
        switch end {
        case .none: break
        case .draining: connection.onOwnThread { $0.beginClose(.goingAway) }
        case .forced: connection.core.receiveExit(.kill)
        }
    }

    private func httpEnded(_ place: PeerAddress?, wasKept: Bool) {
        places.wrappingSubtract(1, ordering: .relaxed)
        load.httpEnded(place, wasKept: wasKept)
    }

    private func connectionEnded(_ connection: WebSocket, _ place: PeerAddress?) {
        books.ended(connection)
        connectionCount -= 1
        places.wrappingSubtract(1, ordering: .relaxed)
        load.connectionEnded(place)
        checkEmpty()
    }

    // MARK: Room for newcomers

    /// Ends the handshake here that can best go, or asks the next scheduler's to. From any thread.
    nonisolated func makeRoom(orAsk others: ArraySlice<ConnectionSupervisor>) {
        scheduler.run { [self] in onOwnThread { $0.displaceOne(orAsk: others) } }
    }

    private func displaceOne(orAsk others: ArraySlice<ConnectionSupervisor>) {
        let number = queue.next(at: scheduler.time.nanoseconds) { [httpConnections] in
            httpConnections[$0]?.standing ?? .gone
        }
        // It has room made once it is over.
        if let number, let http = httpConnections[number] { return http.makeRoom() }
        guard let next = others.first else { return load.endSeekingRoom() }
        next.makeRoom(orAsk: others.dropFirst())
    }

    // MARK: Those that are there

    /// The connections of the server that live here.
    ///
    /// The pool is not asked, since it may have ended, or be busy with its end: whose parent it was is looked up among
    /// the processes of the scheduler. So a connection needs no other place in a list.
    var connections: [WebSocket] {
        scheduler.processes.cores.compactMap { core in
            guard let parent = core.parent, parents.contains(parent) else { return nil }
            return core.actor as? WebSocket
        }
    }

    private func remember(_ parent: PID) {
        let parent = parent.core.id
        guard parents.last != parent else { return }
        // The pool was started again: those before it are needed as long as one of their connections lives.
        let living = Set(scheduler.processes.cores.compactMap(\.parent))
        parents = parents.filter { living.contains($0) && $0 != parent } + [parent]
    }

    // MARK: The end

    /// Returns when no connection is left, before it is a WebSocket or after.
    func untilEmpty() async {
        await withCheckedContinuation { continuation in
            whenEmpty.append(continuation)
            checkEmpty()
        }
    }

    func checkEmpty() {
        guard connectionCount == 0 && httpConnections.isEmpty else { return }
        for waiter in whenEmpty { waiter.resume() }
        whenEmpty = []
    }
}

/// The end of all connections of one scheduler.
extension ConnectionSupervisor {
    var mayShakeHands: Bool { end == .none }

    /// Tells every peer 1001, drops handshakes that are under way and peers that might ask again, and waits for the
    /// rest, answers among it, at most until `deadline`.
    func shutdown(within deadline: Duration) async {
        if end == .none { end = .draining }
        let forcing = Alarm { [unowned self] in onOwnThread { $0.force() } }
        scheduler.arm(forcing, after: deadline)
        let dropping = Alarm { [unowned self] in onOwnThread { $0.stopHTTPConnections() } }
        if drain.handshakeGrace == .zero {
            stopHTTPConnections()
        } else {
            scheduler.arm(dropping, after: drain.handshakeGrace)
        }
        let farewell = Farewell(connections, within: deadline, drain, on: scheduler)
        farewell.step()
        await untilEmpty()
        farewell.cancel()
        scheduler.disarm(dropping)
        scheduler.disarm(forcing)
    }

    private func stopHTTPConnections() { for http in httpConnections.values { http.stop() } }

    /// Kills what is left: connections are dropped, and handlers cancelled but not waited for. Nor are
    /// HTTP connections, in which the application may be asked and not answer.
    private func force() {
        end = .forced
        for http in httpConnections.values { http.abort() }
        httpConnections = [:]
        for connection in connections { connection.core.receiveExit(.kill) }
        checkEmpty()
    }
}

/// Tells connections goodbye as a `DrainPlan` says.
private final class Farewell {
    private var connections: [WebSocket?]
    private var plan: DrainPlan
    private let scheduler: Scheduler
    private var alarm: Alarm?

    init(_ connections: [WebSocket], within deadline: Duration, _ options: DrainOptions, on scheduler: Scheduler) {
        self.connections = connections
        plan = DrainPlan(telling: connections.count, within: deadline, options)
        self.scheduler = scheduler
    }

    func step() {
        guard let step = plan.next(chance: .random(in: 0..<1)) else { return }
        for index in step.told {
            connections[index]?.onOwnThread { $0.beginClose(.goingAway) }
            connections[index] = nil
        }
        guard let pause = step.pause else { return }
        let next = alarm ?? Alarm { [unowned self] in self.step() }
        alarm = next
        scheduler.arm(next, after: pause)
    }

    func cancel() {
        if let alarm { scheduler.disarm(alarm) }
        connections = []
    }
}

/// Which connections are told goodbye when, as a value: it knows no clock and draws no random numbers.
struct DrainPlan: Sendable {
    /// One step: these are told now, and after the pause comes the next step, if there is one.
    struct Step: Equatable {
        let told: Range<Int>
        let pause: Duration?
    }

    private let count: Int
    private let batch: Int
    private let pause: Duration
    private var told = 0

    /// - Parameters:
    ///   - count: how many connections there are.
    ///   - deadline: when what is left is forced. The last step comes before half of that time has passed.
    init(telling count: Int, within deadline: Duration, _ options: DrainOptions) {
        self.count = count
        // Any number may be asked for, the largest there is too.
        let most = min(options.batch, max(count, 1))
        let batches = (count + most - 1) / most
        let pauses = batches - 1
        // A pause is at most one and a half times its mean.
        let longest = pauses > 0 ? deadline / 2 / pauses * 2 / 3 : .zero
        pause = max(.zero, min(options.pause, longest))
        // Where there is no time for pauses there is one step.
        batch = pause == .zero ? max(count, 1) : most
    }

    /// - Parameter chance: evenly distributed from 0 to 1.
    /// - Returns: `nil` when all have been told.
    mutating func next(chance: Double) -> Step? {
        guard told < count else { return nil }
        let end = min(told + batch, count)
        defer { told = end }
        return Step(told: told..<end, pause: end < count ? pause * (0.5 + chance) : nil)
    }
}
