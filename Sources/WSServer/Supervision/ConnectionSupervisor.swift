internal import Actors
internal import HansomTransport
internal import WSConnection

/// Brings the connections of one scheduler from the accepted socket into the tree of supervisors, and ends them in good
/// order: what happens to one touches no other.
actor ConnectionSupervisor {
    nonisolated let scheduler: Scheduler
    private let settings: ServerSettings
    /// Under which each connection of this scheduler stands, from its handshake to its end.
    private let connections: RunningDynamicSupervisor
    private var conversations: [ObjectIdentifier: Conversation] = [:]
    private var connectionCount = 0
    private var isStopping = false
    private var whenEmpty: [CheckedContinuation<Void, Never>] = []

    init(on scheduler: Scheduler, _ settings: ServerSettings, _ connections: RunningDynamicSupervisor) {
        self.scheduler = scheduler
        self.settings = settings
        self.connections = connections
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe scheduler.asUnownedSerialExecutor() }

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
        let conversation = Conversation(
            stream, peer: peer, local: stream.localAddress, on: scheduler, settings)
        conversations[ObjectIdentifier(conversation)] = conversation
        Task { await self.serve(conversation) }
    }

    /// What is said before a WebSocket has a task of its own, whose memory is gone when the handler begins to wait.
    private func serve(_ conversation: Conversation) async {
        let connection = await conversation.run()
        conversations[ObjectIdentifier(conversation)] = nil
        // It counts as the one before it ends as the other, or the acceptor could see room that is not there.
        if let connection { hold(connection) }
        if conversation.isKept { settings.load.keptEnded() } else { settings.load.handshakeEnded() }
        checkEmpty()
    }

    private func hold(_ connection: WebSocket) {
        connectionCount += 1
        settings.load.connectionBegan()
        // The core holds this closure, and with it the connection, until its end.
        connection.core.addObserver { [self] _ in
            withExtendedLifetime(connection) { onOwnThread { $0.connectionEnded() } }
        }
        connections.adopt(connection.pid)
        if isStopping { connection.onOwnThread { $0.beginClose(.goingAway) } }
    }

    private func connectionEnded() {
        connectionCount -= 1
        settings.load.connectionEnded()
        checkEmpty()
    }

    private func checkEmpty() {
        guard connectionCount == 0 && conversations.isEmpty else { return }
        for waiter in whenEmpty { waiter.resume() }
        whenEmpty = []
    }

    // MARK: The end

    /// Tells every peer 1001, drops handshakes that are under way and peers that might ask again, and waits for the rest,
    /// answers among it, at most until `deadline`.
    func shutdown(within deadline: Duration) async {
        isStopping = true
        for conversation in conversations.values { conversation.stop() }
        let alarm = Alarm { [unowned self] in onOwnThread { $0.force() } }
        scheduler.arm(alarm, after: deadline)
        // What comes later is closed as it comes.
        await forEach { $0.onOwnThread { $0.beginClose(.goingAway) } }
        await untilEmpty()
        scheduler.disarm(alarm)
    }

    /// Kills what is left: connections are dropped, and handlers cancelled but not waited for.
    private func force() {
        for conversation in conversations.values { conversation.abort() }
        Task { await forEach { $0.core.receiveExit(.kill) } }
    }

    private func forEach(_ body: @Sendable (WebSocket) -> Void) async {
        // Supervisors that have ended took their connections with them.
        for child in (try? await connections.children(on: scheduler)) ?? [] {
            if let connection = child.core.actor as? WebSocket { body(connection) }
        }
    }

    /// Returns when no conversation and no connection is left.
    private func untilEmpty() async {
        await withCheckedContinuation { continuation in
            whenEmpty.append(continuation)
            checkEmpty()
        }
    }
}
