internal import Actors
internal import HansomTransport
internal import WSConnection

/// Holds the connections of one scheduler, from the accepted socket to the end: what happens to one touches no other.
actor ConnectionSupervisor {
    nonisolated let scheduler: Scheduler
    private let settings: ServerSettings
    private var handshakes: [ObjectIdentifier: ServerHandshaking] = [:]
    private var connections: [PID: WebSocket] = [:]
    private var isStopping = false
    private var whenEmpty: [CheckedContinuation<Void, Never>] = []

    init(on scheduler: Scheduler, _ settings: ServerSettings) {
        self.scheduler = scheduler
        self.settings = settings
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe scheduler.asUnownedSerialExecutor() }

    var connectionCount: Int { connections.count }

    /// Takes over an accepted descriptor. From any thread.
    nonisolated func adopt(_ descriptor: Int32, _ peer: SocketAddress?) {
        scheduler.run { [self] in onOwnThread { $0.serve(descriptor, peer) } }
    }

    private func serve(_ descriptor: Int32, _ peer: SocketAddress?) {
        if peer?.isUnix != true { Socket.setNoDelay(descriptor) }
        let stream = SocketStream(descriptor: descriptor, scheduler: scheduler)
        guard !isStopping else {
            stream.close()
            return settings.load.handshakeEnded()
        }
        let handshaking = ServerHandshaking(stream, peer: peer, on: scheduler, settings)
        handshakes[ObjectIdentifier(handshaking)] = handshaking
        Task { await self.serve(handshaking) }
    }

    /// The handshake has a task of its own, whose memory is gone when the handler begins to wait.
    private func serve(_ handshaking: ServerHandshaking) async {
        let connection = await handshaking.run()
        handshakes[ObjectIdentifier(handshaking)] = nil
        // It counts as the one before it ends as the other, or the acceptor could see room that is not there.
        if let connection { hold(connection) }
        settings.load.handshakeEnded()
        checkEmpty()
    }

    private func hold(_ connection: WebSocket) {
        let pid = connection.pid
        connections[pid] = connection
        settings.load.connectionBegan()
        connection.core.addObserver { [self] _ in
            onOwnThread { $0.connectionEnded(pid) }
        }
        if isStopping { connection.onOwnThread { $0.beginClose(.goingAway) } }
    }

    private func connectionEnded(_ pid: PID) {
        connections[pid] = nil
        settings.load.connectionEnded()
        checkEmpty()
    }

    private func checkEmpty() {
        guard connections.isEmpty && handshakes.isEmpty else { return }
        for waiter in whenEmpty { waiter.resume() }
        whenEmpty = []
    }

    /// Tells every peer 1001, drops handshakes that are under way, and waits for the rest at most until `deadline`.
    func shutdown(within deadline: Duration) async {
        beginShutdown()
        let alarm = Alarm { [unowned self] in onOwnThread { $0.force() } }
        scheduler.arm(alarm, after: deadline)
        await untilEmpty()
        scheduler.disarm(alarm)
    }

    private func beginShutdown() {
        isStopping = true
        for handshaking in handshakes.values { handshaking.abort() }
        for connection in connections.values { connection.onOwnThread { $0.beginClose(.goingAway) } }
    }

    /// Kills what is left: connections are dropped, and handlers cancelled but not waited for.
    private func force() {
        for connection in connections.values { connection.core.receiveExit(.kill) }
    }

    /// Returns when no handshake and no connection is left.
    private func untilEmpty() async {
        await withCheckedContinuation { continuation in
            whenEmpty.append(continuation)
            checkEmpty()
        }
    }
}
