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
    var conversations: [UInt64: Conversation] = [:]
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

    /// How many connections and conversations there are, or are on their way here. From any thread.
    nonisolated var occupancy: Int { places.load(ordering: .relaxed) }

    /// Takes over an accepted descriptor, for which a place is reserved. From any thread.
    nonisolated func adopt(_ descriptor: Int32, _ peer: SocketAddress?, _ settings: ServerSettings) {
        places.wrappingAdd(1, ordering: .relaxed)
        scheduler.run { [self] in onOwnThread { $0.serve(descriptor, peer, settings) } }
    }

    private func serve(_ descriptor: Int32, _ peer: SocketAddress?, _ settings: ServerSettings) {
        if peer?.isUnix != true { Socket.setNoDelay(descriptor) }
        let stream = SocketStream(descriptor: descriptor, scheduler: scheduler)
        let place = Acceptor.place(of: peer, load, settings)
        guard mayShakeHands else {
            stream.close()
            return conversationEnded(place, wasKept: false)
        }
        let conversation = Conversation(
            stream, peer: peer, local: stream.localAddress, on: scheduler, settings, books)
        conversation.place = place
        let number = register(conversation)
        Task { await self.serve(conversation, number) }
    }

    private func register(_ conversation: Conversation) -> UInt64 {
        lastNumber += 1
        conversations[lastNumber] = conversation
        queue.append(lastNumber, at: scheduler.time.nanoseconds, living: conversations.count) { [conversations] in
            conversations[$0]?.standing ?? .gone
        }
        return lastNumber
    }

    /// What is said before a WebSocket has a task of its own, whose memory is gone when the handler begins to wait.
    private func serve(_ conversation: Conversation, _ number: UInt64) async {
        let connection = await conversation.run()
        conversations[number] = nil
        if conversation.isDisplaced { load.endSeekingRoom() }
        if let connection {
            load.connectionBegan(wasKept: conversation.isKept)
            hold(connection, conversation.place)
        } else {
            conversationEnded(conversation.place, wasKept: conversation.isKept)
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

    private func conversationEnded(_ place: PeerAddress?, wasKept: Bool) {
        places.wrappingSubtract(1, ordering: .relaxed)
        load.conversationEnded(place, wasKept: wasKept)
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
        let number = queue.next(at: scheduler.time.nanoseconds) { [conversations] in
            conversations[$0]?.standing ?? .gone
        }
        // It has room made once it is over.
        if let number, let conversation = conversations[number] { return conversation.makeRoom() }
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

    /// Returns when no conversation and no connection is left.
    func untilEmpty() async {
        await withCheckedContinuation { continuation in
            whenEmpty.append(continuation)
            checkEmpty()
        }
    }

    func checkEmpty() {
        guard connectionCount == 0 && conversations.isEmpty else { return }
        for waiter in whenEmpty { waiter.resume() }
        whenEmpty = []
    }
}
