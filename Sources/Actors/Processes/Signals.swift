/// Links, monitors and trapped exits of a process, for its body.
extension Process {
    /// Ties this process and `other`: the end of one for any reason but `.normal` ends the other, or becomes a message
    /// to it if it traps exits.
    ///
    /// To link twice is the same as once. A process that has ended already answers with an exit signal `.noProcess`.
    /// (OTP: `link/1`.)
    public func link(_ other: PID) { core.link(to: other.core) }

    /// Ties this process and what stands for another: a server, an address, a task, a connection.
    public func link(_ other: some Supervisable) { link(other.pid) }

    /// Unties the two: the end of the other has no effect on this process after this. (OTP: `unlink/1`.)
    public func unlink(_ other: PID) { core.unlink(from: other.core) }

    /// Unties this process and what stands for another.
    public func unlink(_ other: some Supervisable) { unlink(other.pid) }

    /// From now on exit signals become messages, all but `.kill`. (OTP: `process_flag(trap_exit, true)`.)
    ///
    /// - Parameter adapter: makes a message of this process's kind out of a signal.
    public func trapExits(_ adapter: @escaping @Sendable (ExitSignal) -> Message) {
        let special = makeSpecial()
        let before = special.exitAdapter
        special.exitAdapter = adapter
        withExtendedLifetime(before) {}
        core.trapExits(true)
    }

    /// From now on exit signals end the process again.
    public func stopTrappingExits() {
        core.trapExits(false)
        let before = special?.exitAdapter
        special?.exitAdapter = nil
        withExtendedLifetime(before) {}
    }

    /// Hears of the end of another process, once, as a message. Monitors stack: each gives a down of its own.
    /// (OTP: `monitor/2`.)
    ///
    /// - Parameters:
    ///   - target: the process to hear of; if it has ended already the message comes at once, with `.noProcess`.
    ///   - adapter: makes a message of this process's kind out of it.
    /// - Returns: a reference that the message carries, and that `demonitor` takes.
    @discardableResult
    public func monitor(_ target: PID, _ adapter: @escaping @Sendable (Down) -> Message) -> MonitorReference {
        let reference = MonitorReference(id: ProcessCore.nextID(), target: target)
        guard isOpen else { return reference }
        makeSpecial().monitors.insert(reference)
        target.core.scheduler.signal { [self] in
            target.core.addObserver(
                reference.id,
                fromAnywhere: { reason in
                    self.core.scheduler.run {
                        self.onOwnThread { me in
                            me.deliver(reference) { adapter(Down(monitor: reference, pid: target, reason: reason)) }
                        }
                    }
                })
            return nil
        }
        return reference
    }

    /// Hears of the end of what stands for a process: a server, an address, a task, a connection.
    ///
    /// - Parameters:
    ///   - target: whose end to hear of.
    ///   - adapter: makes a message of this process's kind out of it.
    /// - Returns: a reference that the message carries, and that `demonitor` takes.
    @discardableResult
    public func monitor(
        _ target: some Supervisable, _ adapter: @escaping @Sendable (Down) -> Message
    ) -> MonitorReference { monitor(target.pid, adapter) }

    /// Hears once what came of a task, as a message: what it returned, or why it did not. So a server can wait for it
    /// and serve others meanwhile. (Elixir: the messages of `Task.Supervisor.async_nolink/3`.)
    ///
    ///     let page = ProcessTask.spawn(linkedTo: me.pid) { try await fetch(url) }
    ///     me.monitorResult(of: page) { .info(.loaded(url, $0)) }
    ///
    /// - Parameters:
    ///   - task: the task; if it has ended already the message comes at once, and says what came of it all the same.
    ///   - adapter: makes a message of this process's kind out of the result: a failure has what `ProcessTask.value`
    ///     throws.
    /// - Returns: a reference that `demonitor` takes.
    @discardableResult
    public func monitorResult<Value: Sendable>(
        of task: ProcessTask<Value>, _ adapter: @escaping @Sendable (Result<Value, any Error>) -> Message
    ) -> MonitorReference {
        let reference = MonitorReference(id: ProcessCore.nextID(), target: task.pid)
        guard isOpen else { return reference }
        makeSpecial().monitors.insert(reference)
        task.pid.core.scheduler.signal { [self] in
            task.pid.core.addObserver(
                reference.id, truth: true,
                fromAnywhere: { reason in
                    self.core.scheduler.run {
                        self.onOwnThread { me in
                            me.deliver(reference) { adapter(Result { try task.outcome(reason) }) }
                        }
                    }
                })
            return nil
        }
        return reference
    }

    /// Stops hearing of it: no down arrives after this. (OTP: `demonitor/2`.)
    ///
    /// - Parameters:
    ///   - reference: what `monitor` returned.
    ///   - flush: takes a down that has arrived out of the mailbox too, so that the body sees none from here on.
    public func demonitor(_ reference: MonitorReference, flush: Bool = false) {
        if special?.monitors.remove(reference) != nil { Process.release(reference) }
        if flush, let place = special?.signals.place(of: reference.id, head: queue.head) {
            withExtendedLifetime(remove(at: place)) {}
        }
    }

    /// Takes the observer back from the process it stands at, which may live long and must not keep this one.
    private static func release(_ monitor: MonitorReference) {
        let core = monitor.target.core
        core.scheduler.signal {
            core.removeObserver(monitor.id)
            return nil
        }
    }

    func releaseMonitors(_ special: Special) {
        let released = special.monitors
        special.monitors = []
        for monitor in released { Process.release(monitor) }
    }

    /// What was monitored has ended: the message comes, unless nobody wants it any more.
    private func deliver(_ monitor: MonitorReference, _ message: () -> Message) {
        guard let special, special.monitors.remove(monitor) != nil else { return }
        if special.monitors.isEmpty && special.monitors.capacity > 64 { special.monitors = [] }
        deliverSignal(message(), monitor.id)
    }
}

/// Signals between processes. Each reaches the other process by way of its scheduler, so that the signals and messages
/// of one sender arrive in order; and it does so whatever holds that scheduler's thread (`Scheduler.signal`). What
/// arrives returns what is left to do on the thread of the process that it is called on.
extension ProcessCore {
    /// Sends an exit signal to this process. From any thread.
    package func sendExit(_ reason: ExitReason) {
        let sender = ProcessCore.current
        scheduler.signal { [self] in
            exitArrived(reason, from: sender?.pid, source: sender === self ? .oneself : .request)
        }
    }

    /// Sends an exit signal from this process to another, which then has so long to end; `nil`: as long as it takes.
    func sendExit(_ reason: ExitReason, to other: ProcessCore, grace: Duration?) {
        other.scheduler.signal { [self] in other.exitArrived(reason, from: pid, source: .request, grace: grace) }
    }

    /// An exit signal has arrived. On the scheduler's thread.
    ///
    /// - Parameter grace: how long the process may then take; `nil`: as long as it takes.
    package func receiveExit(
        _ reason: ExitReason, isOwn: Bool = false, grace: Duration? = ProcessCore.defaultGrace
    ) {
        receiveExit(reason, from: nil, source: isOwn ? .oneself : .request, grace: grace)
    }

    func receiveExit(
        _ reason: ExitReason, from sender: PID?, source: ExitMachine.Source,
        grace: Duration? = ProcessCore.defaultGrace
    ) {
        exitArrived(reason, from: sender, source: source, grace: grace)?()
    }

    /// An exit signal has arrived.
    func exitArrived(
        _ reason: ExitReason, from sender: PID?, source: ExitMachine.Source,
        grace: Duration? = ProcessCore.defaultGrace
    ) -> (@Sendable () -> Void)? {
        switch (decide(reason, from: source), scheduler.isCurrent) {
        case (.ignore, _): return nil
        case (.deliver, _):
            let signal = ExitSignal(from: sender, reason: reason, grace: grace)
            return { [self] in unsafe host?.trapped(signal) }
        case (.exit, true): beginExit(reason, grace: grace)
        case (.exit, false): return beginExitFromElsewhere(reason, grace: grace)
        case (.die, true): die()
        case (.die, false): return dieFromElsewhere()
        }
        return nil
    }

    // MARK: Links

    /// Links this process to `peer`, if it is not.
    ///
    /// - Parameter truth: whether a peer that has ended already is to say why. A supervisor wants to know.
    package func link(to peer: ProcessCore, truth: Bool = false) {
        if let number = linkBegun(to: peer) {
            peer.scheduler.signal { [self] in
                peer.linkArrived(from: self, number, truth: truth)
                return nil
            }
        }
    }

    /// This side of a link that is to be made; the number with which the other side is to be told, if it must be.
    func linkBegun(to peer: ProcessCore) -> UInt64? {
        guard peer !== self else { return nil }
        let number = ProcessCore.nextID()
        return withLinks { $0.request(peer.pid, number) } == true ? number : nil
    }

    /// The other side of a link that `peer` has begun.
    ///
    /// - Parameter truth: whether one that has ended already says why, and not only that it is not there.
    func linkArrived(from peer: ProcessCore, _ number: UInt64, truth: Bool = false) {
        if withLinks({ $0.requested(by: peer.pid, number) }) != nil { return }
        let reason = truth ? machine.reason ?? .noProcess : .noProcess
        peer.scheduler.signal { [self] in peer.linkedEnded(self, number, reason) }
    }

    /// Undoes a link. No exit signal comes through it after this.
    package func unlink(from peer: ProcessCore) {
        guard let undone = withLinks({ $0.undo(peer.pid) }), let number = undone else { return }
        peer.scheduler.signal { [self] in
            _ = peer.withLinks { $0.undone(by: pid, number) }
            return nil
        }
    }

    package func isLinked(to peer: ProcessCore) -> Bool { withLinks { $0.contains(peer.pid) } ?? false }

    /// Tells those to which it was linked, of whom it has forgotten, that it has ended.
    func tell(_ links: [(peer: PID, number: UInt64)], _ reason: ExitReason) {
        for (peer, number) in links {
            let peer = peer.core
            peer.scheduler.signal { [self] in peer.linkedEnded(self, number, reason) }
        }
    }

    private func linkedEnded(
        _ peer: ProcessCore, _ number: UInt64, _ reason: ExitReason
    ) -> (@Sendable () -> Void)? {
        guard withLinks({ $0.ended(peer.pid, number) }) == true else { return nil }
        return exitArrived(reason, from: peer.pid, source: .link)
    }
}

/// The links of one process, as a value: no threads, no signals of its own.
///
/// A link is an agreement of two sides that may be made, undone and made again from both at once, while signals are
/// under way. So a side remembers its own request and the newest that has arrived, each by its number, which is larger
/// than all before it. Who undoes a link, or ends, says which request of the other has arrived: one that has not makes
/// a new link when it does, so the other side keeps it. Signals from one side to the other keep their order: what has
/// arrived from a side before it undoes is undone with it. (OTP: links and the unlink protocol of the signal
/// reference.)
struct LinkTable<Peer: Hashable> {
    private struct Link {
        /// This side's request, 0 for none.
        var own: UInt64 = 0
        /// The newest request of the other side, 0 for none.
        var theirs: UInt64 = 0

        /// Of two links the one with the smaller number was made first.
        var age: UInt64 { own == 0 ? theirs : theirs == 0 ? own : min(own, theirs) }
    }

    /// Most processes have one link at most, which needs no storage of its own.
    private var first: (peer: Peer, link: Link)?
    private var more: [Peer: Link] = [:]

    private subscript(peer: Peer) -> Link? {
        get { first?.peer == peer ? first?.link : more.isEmpty ? nil : more[peer] }
        set {
            if first?.peer == peer {
                first = newValue.map { (peer, $0) }
            } else if let newValue, first == nil, more[peer] == nil {
                first = (peer, newValue)
            } else if newValue != nil || !more.isEmpty {
                more[peer] = newValue
            }
        }
    }

    var count: Int { (first == nil ? 0 : 1) + more.count }
    var peers: [Peer] { (first.map { [$0.peer] } ?? []) + more.keys }

    func contains(_ peer: Peer) -> Bool { self[peer] != nil }

    /// The one that is wanted, if it is the first link or one of so many others that are looked at.
    func find(among limit: Int, _ isWanted: (Peer) -> Bool) -> Peer? {
        if let first, isWanted(first.peer) { return first.peer }
        return more.keys.prefix(limit).first(where: isWanted)
    }

    /// This side asks for a link.
    ///
    /// - Returns: whether the peer must be told: not when the two are linked already.
    mutating func request(_ peer: Peer, _ number: UInt64) -> Bool {
        guard self[peer] == nil else { return false }
        self[peer] = Link(own: number)
        return true
    }

    /// The peer has asked for a link.
    mutating func requested(by peer: Peer, _ number: UInt64) {
        self[peer] = Link(own: self[peer]?.own ?? 0, theirs: number)
    }

    /// This side undoes the link.
    ///
    /// - Returns: the number to tell the peer, or `nil` if there was no link.
    mutating func undo(_ peer: Peer) -> UInt64? {
        defer { self[peer] = nil }
        return self[peer]?.theirs
    }

    /// The peer has undone the link, when this side's request of that `number` had arrived there, or 0 if none had.
    mutating func undone(by peer: Peer, _ number: UInt64) {
        guard let link = self[peer] else { return }
        self[peer] = link.own > number ? Link(own: link.own) : nil
    }

    /// The peer has ended, when this side's request of that `number` had arrived there, or 0 if none had.
    ///
    /// - Returns: whether that link still stood. It does not any more.
    mutating func ended(_ peer: Peer, _ number: UInt64) -> Bool {
        // A request that arrives there later is answered by itself.
        guard let link = self[peer], link.theirs > 0 || link.own <= number else { return false }
        self[peer] = nil
        return true
    }

    /// This side has ended: whom to tell, in the order in which the links were made, and by which numbers.
    mutating func takeAll() -> [(peer: Peer, number: UInt64)] {
        var all = more.map { (peer: $0.key, link: $0.value) }
        if let first { all.append(first) }
        first = nil
        more = [:]
        if all.count > 1 { all.sort { $0.link.age < $1.link.age } }
        return all.map { ($0.peer, $0.link.theirs) }
    }
}

/// Those who wait for the end of one process, as a value. The first needs no storage of its own: most have only one.
struct ObserverList<Observer> {
    private var first: (id: UInt64, observer: Observer)?
    private var more: [UInt64: Observer] = [:]

    var count: Int { (first == nil ? 0 : 1) + more.count }

    mutating func add(_ id: UInt64, _ observer: Observer) {
        if first == nil { first = (id, observer) } else { more[id] = observer }
    }

    /// Takes one back, at the same cost however many there are.
    ///
    /// - Returns: it, if it was there: to be let go of when the list is no longer being changed.
    @discardableResult
    mutating func remove(_ id: UInt64) -> Observer? {
        guard let first, first.id == id else { return more.isEmpty ? nil : more.removeValue(forKey: id) }
        self.first = nil
        return first.observer
    }

    /// Takes all, in the order in which they asked: numbers grow.
    mutating func takeAll() -> [Observer] {
        var all = more.map { (id: $0.key, observer: $0.value) }
        if let first { all.append(first) }
        first = nil
        more = [:]
        if all.count > 1 { all.sort { $0.id < $1.id } }
        return all.map(\.observer)
    }
}
